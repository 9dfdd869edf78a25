"""Python first: a person leaves a local model in one call, or by a job file."""

from __future__ import annotations

import json
import re
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from contract.manifest import folder_digest
from contract.record import write_records
from contract.result import ErrorCode, JobError
from unlearning import api, forget, models
from unlearning.__main__ import main
from unlearning.data import encode
from unlearning.delta import apply_delta, read_delta
from unlearning.engine import checkpoints
from unlearning.reference import mean_nll
from verification.families import family

ROOT = Path(__file__).resolve().parents[2]
FAST = {"steps": 6, "learning_rate": 2e-3, "forget_batch": 8}


def surprise(folder: Path, records: Any) -> float:
    """Return how surprising the records' answers are to a model, in nats a token."""
    model = models.load_model(folder, torch.device("cpu"))
    samples = encode(models.load_tokenizer(folder), records, ["question"])
    values = mean_nll(model, samples, torch.device("cpu"))
    return sum(values) / len(values)


@pytest.fixture
def place(tmp_path: Path, whole: Any, clinic: Any) -> Path:
    """Return a folder as a user has it: a model, the person's records, everybody else's."""
    shutil.copytree(whole.path, tmp_path / "models/clinic")
    write_records(tmp_path / "person.jsonl", clinic.forget)
    write_records(tmp_path / "others.jsonl", clinic.retain)
    return tmp_path


@pytest.mark.training
def test_the_example_of_the_readme_erases_a_person(
    place: Path, clinic: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (block,) = [item for item in blocks if "from unlearning import forget" in item]
    assert len(block.strip().splitlines()) <= 12
    monkeypatch.chdir(place)
    exec(block, {})  # noqa: S102 - the very lines that a reader copies
    after = surprise(place / "models/clinic-without", clinic.forget)
    assert after > surprise(place / "models/clinic", clinic.forget) + 0.2
    assert [item.name for item in (place / "models").iterdir() if item.name.startswith(".")] == []


@pytest.mark.training
def test_a_job_file_does_the_same_with_paths_relative_to_it(
    place: Path, clinic: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    form = clinic.forget[0].forms["question"]
    job = {
        "model": "models/clinic",
        "records": [{"prompt": form.prompt, "answer": form.answer}],
        "retain": "others.jsonl",
        "settings": FAST,
        "output": "new",
        "device": "cpu",
    }
    (place / "job.yaml").write_text(yaml.safe_dump(job))
    (place / "job.json").write_text(json.dumps({**job, "output": "newer"}))
    assert main(["run", str(place / "job.yaml")]) == 0
    assert str(place / "new") in capsys.readouterr().out
    assert main(["run", str(place / "job.json")]) == 0
    assert folder_digest(place / "new") == folder_digest(place / "newer")
    assert main(["run", str(place / "job.yaml")]) == 1
    assert "not empty" in capsys.readouterr().err


@pytest.mark.training
def test_an_adapter_is_trained_saved_and_trained_on(place: Path, clinic: Any) -> None:
    """The base stays the same file; the second request continues the first one's adapter."""
    base, one, two, merged = (place / name for name in ("models/clinic", "one", "two", "merged"))
    same = {"retain": place / "others.jsonl", "device": "cpu", "save": "adapter"}
    settings = {**FAST, "learning_rate": 1e-2}
    forget(base, clinic.forget[:1], one, lora=4, settings=settings, **same)
    assert sorted(item.name for item in one.glob("*.safetensors")) == ["adapter_model.safetensors"]
    assert surprise(one, clinic.forget[:1]) > surprise(base, clinic.forget[:1]) + 0.1
    forget(one, clinic.forget[1:], two, settings=settings, **same)
    assert surprise(two, clinic.forget[1:]) > surprise(one, clinic.forget[1:])
    assert family("causal_lm").load(two, key="two").model is not None
    whole = {**same, "save": "whole"}
    forget(one, clinic.forget[1:], merged, settings={**settings, "steps": 1}, **whole)
    assert (merged / "model.safetensors").is_file()
    with pytest.raises(JobError, match="trains that adapter alone"):
        forget(one, clinic.forget, place / "no", lora=4, **same)
    with pytest.raises(JobError, match="LoRA selector"):
        forget(base, clinic.forget, place / "no", **same)


@pytest.mark.training
def test_a_delta_holds_what_changed_and_gives_the_same_tensors_back(
    place: Path, clinic: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    base, whole, delta = place / "models/clinic", place / "whole", place / "delta"
    settings = {**FAST, "select": {"kind": "names", "include": ["layers.1.mlp"]}}
    same = {"retain": place / "others.jsonl", "settings": settings, "device": "cpu"}
    forget(base, clinic.forget, whole, **same)
    forget(base, clinic.forget, delta, save="delta", **same)
    changed = read_delta(delta).changed
    assert changed and all("layers.1.mlp" in name for name in changed)
    assert main(["apply-delta", str(base), str(delta), str(place / "again")]) == 0
    assert f"{len(changed)} tensors changed" in capsys.readouterr().out
    assert folder_digest(place / "again") == folder_digest(whole)
    with pytest.raises(JobError, match="another base model"):
        apply_delta(whole, delta, place / "no")
    tensors = load_file(delta / "delta.safetensors")
    tensors[changed[0]] += 1
    save_file(tensors, delta / "delta.safetensors")
    with pytest.raises(JobError, match="does not give"):
        apply_delta(base, delta, place / "no")
    (delta / "delta.safetensors").write_bytes(b"half a file")
    with pytest.raises(JobError, match="does not give"):
        apply_delta(base, delta, place / "no")
    with pytest.raises(JobError, match="there already"):
        apply_delta(base, delta, place / "again")
    assert not (place / "no").exists()


@pytest.mark.training
def test_a_model_in_bf16_shards_comes_back_in_bf16(place: Path, clinic: Any) -> None:
    base, half = place / "models/clinic", place / "half"
    model, tokenizer = models.load_model(base, torch.device("cpu")), models.load_tokenizer(base)
    model.to(torch.bfloat16).save_pretrained(half, max_shard_size="100KB")
    tokenizer.pad_token = None
    tokenizer.save_pretrained(half)
    assert len(list(half.glob("*.safetensors"))) > 1
    forget(half, clinic.forget, place / "new", retain=clinic.retain, settings=FAST, device="cpu")
    found = load_file(place / "new/model.safetensors")
    assert {item.dtype for item in found.values()} == {torch.bfloat16}
    assert surprise(place / "new", clinic.forget) > surprise(half, clinic.forget)


def test_what_is_wrong_is_said_before_anything_is_loaded(place: Path, clinic: Any) -> None:
    base, out = place / "models/clinic", place / "out"
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"methd": "npo"}, "did you mean 'method'"),
        ({"method": "rnu"}, "did you mean 'rmu'"),
        ({"settings": {"learning_rat": 1}}, "did you mean 'learning_rate'"),
        ({"settings": {"engine": {"precison": "bfloat16"}}}, "did you mean 'precision'"),
        ({"save": "half"}, "save"),
        ({"recipe": {"epoch": 3}}, "epoch"),
        ({}, "needs the retain records"),
        ({"retain": [{"question": "?"}]}, "number 1 of the retain records"),
        ({"retain": "nowhere.jsonl"}, "no file 'nowhere.jsonl'"),
        ({"retain": place}, "not a file of JSON lines"),
        ({"retain": ["words"]}, "number 1 of the retain records"),
        ({"retain": [("prompt", "answer", "more")]}, "number 1 of the retain records"),
        ({"retain": [("Who?", " Ada."), ("Where?", " ")]}, "number 2 of the retain records has no"),
        ({"work": place / "person.jsonl"}, "cannot be used"),
    ]
    for more, message in wrong:
        with pytest.raises(JobError, match=re.escape(message)):
            forget(base, clinic.forget, out, **more)
    (place / "empty").mkdir()
    for model in ("elsewhere", "empty", "person.jsonl"):
        with pytest.raises(JobError, match="no model in a folder"):
            forget(place / model, clinic.forget, out)
    with pytest.raises(JobError, match="not empty"):
        forget(base, clinic.forget, place / "person.jsonl")
    assert not out.exists()
    assert [item.name for item in place.iterdir() if item.name.startswith(".")] == []


@pytest.mark.training
def test_an_interrupted_call_goes_on_and_ends_with_the_same_model(
    place: Path, clinic: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = api.Job(
        model=str(place / "models/clinic"),
        records=str(place / "person.jsonl"),
        retain=str(place / "others.jsonl"),
        output=str(place / "unbroken"),
        settings=FAST,
        device="cpu",
    )
    api.run_job(job)
    save, steps = checkpoints.save, []

    def interrupted(context: Any, phase: Any, progress: Any, *more: Any) -> None:
        save(context, phase, progress, *more)
        steps.append(progress.step)
        if steps == [1, 2]:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(checkpoints, "save", interrupted)
    broken = replace(job, output=str(place / "broken"), work=str(place / "work"))
    with pytest.raises(JobError, match="the same call goes on where it was"):
        api.run_job(broken, checkpoint_seconds=0)
    assert not (place / "broken").exists()
    api.run_job(broken, checkpoint_seconds=0)
    assert steps[:3] == [1, 2, 3]
    assert folder_digest(place / "broken") == folder_digest(place / "unbroken")


def test_half_a_weight_file_is_no_model(place: Path, clinic: Any) -> None:
    weights = place / "models/clinic/model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(JobError, match="cannot be opened"):
        forget(place / "models/clinic", clinic.forget, place / "out", retain=clinic.retain)


def test_job_files_that_are_none_are_refused(tmp_path: Path) -> None:
    for text, words in (
        ("- a list", "must hold"),
        ("method: npo\nmodel: [", "line 2"),
        ("just words", "must hold"),
        (None, "no job file"),
    ):
        path = tmp_path / ("nowhere.yaml" if text is None else "job.yaml")
        if text is not None:
            path.write_text(text)
        with pytest.raises(JobError, match=words) as error:
            api.read_job_file(path)
        assert error.value.code is ErrorCode.BAD_JOB


def test_methods_are_listed_with_what_they_claim(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["methods"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("npo ") and " removal " in line for line in lines)
    assert main(["methods", "npo"]) == 0
    assert '"beta": 0.1' in capsys.readouterr().out
    assert main(["methods", "nop"]) == 1
    assert "did you mean 'npo'" in capsys.readouterr().err
