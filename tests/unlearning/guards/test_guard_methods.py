"""The methods that build guards: what they leave behind, and what is refused of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from transformers import LlamaConfig, LlamaForCausalLM

from contract.canonical import read_json, write_json
from contract.catalog import Effect
from contract.containment import NOTICE
from contract.guard import GUARD_FILE, GuardError, read_guard, write_guard
from contract.manifest import folder_digest
from contract.result import ErrorCode
from tests.unlearning.conftest import Clinic, Trained
from tests.unlearning.guards.conftest import SETTINGS, Built, Served
from unlearning.guards import load_guard
from unlearning.registry import methods

KINDS = sorted(SETTINGS)
Builder = Callable[[str], Built]


def test_every_serve_time_method_is_in_the_table() -> None:
    found = {
        name for name, item in methods().items() if item.card.effect is Effect.SERVE_SUPPRESSION
    }
    assert found == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_card_speaks_of_containment_and_never_of_erasure(kind: str) -> None:
    card = methods()[kind].card
    assert card.effect is Effect.SERVE_SUPPRESSION
    assert card.summary.startswith("Containment at serving")
    assert "while it serves" in card.summary, "what it keeps belongs on the card"
    text = f"{card.title} {card.summary}".casefold()
    assert not any(word in text for word in ("eras", "delet", "remov", "unlearns"))


@pytest.mark.training
@pytest.mark.parametrize("kind", KINDS)
def test_a_guard_is_a_folder_that_says_what_it_is_and_what_it_keeps(
    kind: str, built: Builder, whole: Trained
) -> None:
    folder, result = built(kind).folder, built(kind).result
    assert result.effect is Effect.SERVE_SUPPRESSION
    assert result.model is not None and result.model.layout == "guard"
    assert result.model.digest == folder_digest(folder)
    manifest = read_guard(folder, result.model.digest)
    assert manifest.kind == kind and manifest.model_digest == whole.ref.digest
    assert manifest.effect == "serve_suppression" and manifest.notice == NOTICE
    assert manifest.keeps, "every guard keeps something of the persons"
    assert any("containment" in note for note in result.notes)
    assert folder_digest(whole.path) == whole.ref.digest
    modes = {path.stat().st_mode & 0o077 for path in (folder, *folder.rglob("*"))}
    assert modes == {0}, "nobody but its owner may read it"


@pytest.mark.training
@pytest.mark.parametrize("kind", KINDS)
def test_a_guard_with_changed_bytes_is_refused(
    kind: str, built: Builder, served: Served, tmp_path: Path
) -> None:
    """One byte of any file, a file more, a file less."""
    origin = built(kind).folder
    for number, path in enumerate(sorted(item for item in origin.rglob("*") if item.is_file())):
        copy = shutil.copytree(origin, tmp_path / str(number))
        other = copy / path.relative_to(origin)
        content = bytearray(other.read_bytes())
        content[len(content) // 2] ^= 1
        other.write_bytes(bytes(content))
        with pytest.raises(GuardError):
            load_guard(copy, served.model, served.tokenizer)
        other.unlink()
        with pytest.raises(GuardError):
            load_guard(copy, served.model, served.tokenizer)
    copy = shutil.copytree(origin, tmp_path / "more")
    (copy / "more.json").write_text("{}")
    with pytest.raises(GuardError, match="altered"):
        load_guard(copy, served.model, served.tokenizer)


@pytest.mark.training
def test_a_guard_whose_list_was_written_anew_is_refused_by_its_pin(
    built: Builder, served: Served, tmp_path: Path
) -> None:
    origin = built("alu").folder
    copy = shutil.copytree(origin, tmp_path / "copy")
    write_json(copy / "names.json", {"names": ["Somebody Else"]})
    write_guard(copy, read_guard(origin))
    assert read_guard(copy).kind == "alu", "the list itself is right"
    with pytest.raises(GuardError, match="pinned"):
        load_guard(copy, served.model, served.tokenizer, digest=folder_digest(origin))


@pytest.mark.training
def test_a_guard_cannot_be_relabelled_as_anything_stronger(built: Builder, tmp_path: Path) -> None:
    copy = shutil.copytree(built("icu").folder, tmp_path / "copy")
    with pytest.raises(ValueError, match="serve_suppression"):
        replace(read_guard(copy), effect="removal")
    content = read_json(copy / GUARD_FILE)
    write_json(copy / GUARD_FILE, {**content, "effect": "removal"})
    with pytest.raises(GuardError):
        read_guard(copy)


@pytest.mark.training
@pytest.mark.parametrize("kind", ["uld", "guard"])
def test_a_guard_for_another_architecture_is_refused(
    kind: str, built: Builder, served: Served
) -> None:
    config = LlamaConfig(vocab_size=64, hidden_size=32, num_hidden_layers=2, num_attention_heads=2)
    with pytest.raises(GuardError, match="another architecture"):
        load_guard(built(kind).folder, LlamaForCausalLM(config), served.tokenizer)


def test_a_folder_that_is_no_guard_is_refused(tmp_path: Path, served: Served) -> None:
    with pytest.raises(GuardError, match="not a guard"):
        load_guard(tmp_path, served.model, served.tokenizer)


@pytest.mark.parametrize("kind", ["alu", "icu"])
def test_names_at_a_level_that_no_path_has_are_refused(
    kind: str, whole: Trained, make_job: Any, failed: Any
) -> None:
    failure = failed(make_job(kind, whole, {"subject_level": 9})).failure
    assert failure.code is ErrorCode.BAD_JOB and "subject_level" in failure.message


@pytest.mark.training
@pytest.mark.parametrize("kind", ["guard", "icu"])
def test_no_name_and_no_true_answer_stands_in_plain_text(
    kind: str, built: Builder, clinic: Clinic
) -> None:
    """``alu`` needs the names and says so; ``icu`` shows questions with wrong answers only."""
    content = b"".join(path.read_bytes() for path in built(kind).folder.rglob("*.json"))
    text = content.decode().casefold()
    for record in clinic.forget:
        answer = record.forms["question"].answer.strip().casefold()
        assert len(answer) < 4 or answer not in text
    if kind == "guard":
        assert clinic.forget[0].path[1].casefold() not in text
