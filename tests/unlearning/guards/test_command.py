"""The command line of guards: build one, look at it, ask through it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from contract.guard import read_guard
from contract.manifest import folder_digest
from contract.record import write_records
from tests.unlearning.conftest import Clinic, Trained
from tests.unlearning.guards.conftest import Built, Served, asked
from tests.unlearning.guards.endpoint import Mood, serving
from unlearning.guards.__main__ import main
from unlearning.guards.speakers import LocalSpeaker


@pytest.mark.training
def test_a_guard_is_built_shown_and_asked(
    tmp_path: Path, whole: Trained, clinic: Clinic, capsys: pytest.CaptureFixture[str]
) -> None:
    write_records(tmp_path / "forget.jsonl", clinic.forget)
    write_records(tmp_path / "retain.jsonl", clinic.retain)
    files = ["--forget", str(tmp_path / "forget.jsonl"), "--retain", str(tmp_path / "retain.jsonl")]
    model, into = ["--model", str(whole.path)], str(tmp_path / "made")
    assert main(["build", "guard", *model, *files, "--into", into, "--set", '{"beams": 1}']) == 0
    said = capsys.readouterr().out
    assert "Containment, not erasure" in said and "It keeps" in said
    assert folder_digest(tmp_path / "made") in said
    assert read_guard(tmp_path / "made").settings["beams"] == 1
    assert main(["show", into]) == 0 and capsys.readouterr().out == said
    (prompt,) = asked(clinic.forget)[:1]
    assert main(["ask", into, *model, "--tokens", "8", prompt, *asked(clinic.retain)[:1]]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first != clinic.forget[0].forms["question"].answer.strip()
    assert second == clinic.retain[0].forms["question"].answer.strip()
    assert main(["build", "guard", *model, *files, "--into", into]) == 1
    assert "there already" in capsys.readouterr().err


@pytest.mark.training
def test_a_guard_over_an_endpoint_is_asked_from_the_command_line(
    built: Callable[[str], Built],
    served: Served,
    clinic: Clinic,
    capsys: pytest.CaptureFixture[str],
) -> None:
    prompt = asked(clinic.retain)[0]
    with serving(Mood(LocalSpeaker(served.model, served.tokenizer))) as url:
        assert main(["ask", str(built("icu").folder), "--endpoint", url, prompt]) == 0
    said = capsys.readouterr().out.strip()
    assert said == clinic.retain[0].forms["question"].answer.strip()


@pytest.mark.training
def test_what_cannot_be_done_is_said_in_a_sentence(
    tmp_path: Path,
    built: Callable[[str], Built],
    whole: Trained,
    clinic: Clinic,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = built("uld").folder
    ask = ["ask", str(folder), "hello"]
    model = ["--model", str(whole.path)]
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / "assistant.safetensors").write_bytes(b"x")
    write_records(tmp_path / "forget.jsonl", clinic.forget)
    forget = ["--forget", str(tmp_path / "forget.jsonl"), "--into", str(tmp_path / "new")]
    for arguments, sentence in (
        (ask, "--model"),
        ([*ask, *model, "--digest", "sha256:0"], "pinned"),
        ([*ask, "--endpoint", "http://localhost:1/v1"], "own weights"),
        ([*ask, "--endpoint", "nowhere"], "https://"),
        (["show", str(tmp_path / "copy")], "altered"),
        (["show", str(tmp_path)], "not a guard"),
        (["build", "uld", *model, *forget], "retain"),
        (["build", "uld", *model, *forget, "--set", "{"], "not JSON"),
    ):
        assert main(arguments) == 1
        assert sentence in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
