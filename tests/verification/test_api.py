"""The verification as one call: what it needs, what it gives, and what it does not drag in."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from contract.record import Form, Record
from contract.report import REPORT, Verdict
from contract.result import ErrorCode, JobError
from tests.verification import tiny
from verification import verify
from verification.api import AFTERWARDS


def pairs(first: int, people: int, facts: int = 3) -> list[list[tuple[str, str]]]:
    found: list[list[tuple[str, str]]] = [[] for _ in range(people)]
    for place, record in enumerate(tiny.people(first, people, facts)):
        form = record.forms["question"]
        found[place // facts].append((form.prompt, form.answer))
    return found


GIVEN: dict[str, Any] = {
    "forget": pairs(0, 1, 9)[0],
    "twins": pairs(10, 3),
    "retain": {"cy": pairs(30, 1)[0], "di": pairs(31, 1)[0]},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.saved(tmp_path_factory.mktemp("api") / "llama", tiny.model())


def broken(folder: Path, target: Path, spoil: Any) -> Path:
    shutil.copytree(folder, target)
    model = tiny.model()
    with torch.no_grad():
        spoil(model)
    model.save_pretrained(target)
    return target


def test_ten_lines_are_enough(folder: Path, tmp_path: Path) -> None:
    found = verify(original=folder, candidate=folder, **GIVEN)
    assert found.verdict in {Verdict.NOT_APPLICABLE, Verdict.INCONCLUSIVE}
    assert (found.tier, found.report.records, found.report.twin_subjects) == (None, 9, 3)
    assert found.report.limits[0] == AFTERWARDS
    assert all(gate.verdict is Verdict.PASS for gate in found.report.gates[:3])
    found.save_json(tmp_path / "report.json")
    found.save_html(tmp_path / "report.html")
    assert REPORT.validate_json((tmp_path / "report.json").read_text()) == found.report
    assert (tmp_path / "report.html").read_text().startswith("<!doctype html>")
    text = str(found)
    assert found.report.summary[:60] in text and "forward passes" in text
    for prompt, answer in GIVEN["forget"]:
        assert prompt not in text and answer not in text


def test_a_model_in_memory_and_records_with_several_forms_will_do(tmp_path: Path) -> None:
    loaded = (tiny.model(), tiny.tokenizer(eos_token="<end>"))
    given: dict[str, Any] = {
        name: tiny.sets()[name] for name in ("forget", "twins", "retain", "neighbours")
    }
    found = verify(
        original=loaded, candidate=loaded, subject_level=1, folder=tmp_path / "kept", **given
    )
    assert found.report.failure is None and found.report.checks
    assert (tmp_path / "kept/results").is_dir()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"forget": []}, "nothing to verify"),
        ({"twins": []}, "at least 2"),
        ({"twins": pairs(10, 1)}, "at least 2"),
        ({"twins": pairs(10, 3)[0]}, "group it by person"),
        ({"retain": []}, "must keep"),
        ({"forget": [("aa", " ")]}, "without an answer"),
        ({"forget": ["aa"]}, "neither a record nor"),
        ({"forms": ["cloze"]}, "no forget record has the form cloze"),
        ({"forget": [Record("r", ("p",), {"haiku": Form("a", "b")})]}, "the records have haiku"),
    ],
)
def test_bad_material_is_refused_with_what_to_do(
    folder: Path, change: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence) as refused:
        verify(original=folder, candidate=folder, **{**GIVEN, **change})
    assert "aa" not in str(refused.value).split()


def test_a_folder_without_a_model_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(JobError, match="candidate: there is no model folder") as refused:
        verify(original=folder, candidate=tmp_path / "nowhere", **GIVEN)
    assert refused.value.code is ErrorCode.MODEL_MISSING


def test_an_unknown_profile_is_named(folder: Path) -> None:
    with pytest.raises(JobError, match="did you mean behavioural"):
        verify(original=folder, candidate=folder, profile="behavioral", **GIVEN)


def spoil_numbers(model: Any) -> None:
    next(model.parameters()).fill_(float("nan"))


def spoil_text(model: Any) -> None:
    """Make the end token the likeliest everywhere."""
    model.model.norm.weight.fill_(0.0)
    model.model.norm.weight[0] = 1.0
    model.lm_head.weight.zero_()
    model.model.layers[-1].mlp.down_proj.weight.zero_()
    model.model.embed_tokens.weight[:, 0] = 9.0
    model.lm_head.weight[0, 0] = 9.0


@pytest.mark.parametrize(
    ("spoil", "sentence"), [(spoil_numbers, "not a number"), (spoil_text, "empty text")]
)
@pytest.mark.parametrize("role", ["candidate", "original", "reference 1"])
def test_a_model_that_does_not_answer_makes_it_invalid_and_is_named(
    folder: Path, tmp_path: Path, role: str, spoil: Any, sentence: str
) -> None:
    spoilt = broken(folder, tmp_path / "broken", spoil)
    models: dict[str, Any] = {"original": folder, "candidate": folder}
    if role == "reference 1":
        models["references"] = [spoilt]
    else:
        models[role] = spoilt
    report = verify(**models, **GIVEN).report
    assert report.verdict is Verdict.INVALID
    (gate,) = [item for item in report.gates if item.verdict is Verdict.INVALID]
    assert f"the {role} model" in gate.reason and sentence in gate.reason


def test_the_library_runs_without_the_platform(folder: Path, tmp_path: Path) -> None:
    tiny.job_folder(tmp_path / "job", folder)
    script = (
        "import sys, json, verification, verification.__main__ as cli;"
        "assert 'torch' in sys.modules;"
        "verification.verify;"
        f"cli.main(['preregister', {str(tmp_path / 'job')!r}]);"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert not loaded & {"django", "celery", "expunge", "rest_framework", "unlearning"}


def test_the_pure_rooms_load_no_torch() -> None:
    script = (
        "import sys, verification, verification.statistics, verification.text;"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
