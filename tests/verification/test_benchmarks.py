"""The adapters on made-up files in the published layouts, and a model that knows nothing."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from contract.canonical import read_json
from tests.verification import letters
from verification.__main__ import main
from verification.benchmarks.registry import benchmarks
from verification.benchmarks.running import run_benchmark
from verification.benchmarks.table import BenchmarkError, Table, read_table
from verification.benchmarks.tofu import read_log

FACTS = (("Who wrote it?", "Ada Byron", ("Bo Li", "Cy Om")), ("Where?", "Oslo", ("Rome", "Bern")))
TEXTS = ("A quiet town by the sea.", "Nobody came to the harbour that day.", "It rained for weeks.")


@pytest.fixture(scope="module", name="model")
def _model(tmp_path_factory: pytest.TempPathFactory, one_thread: None) -> Path:
    return letters.saved(tmp_path_factory.mktemp("model"), context=64)


@pytest.fixture(scope="module", name="other")
def _other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return letters.saved(tmp_path_factory.mktemp("other"), seed=1, context=64)


def _put(folder: Path, name: str, rows: list[Any], *, lines: bool = False) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "\n".join(map(json.dumps, rows)) if lines else json.dumps(rows)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, encoding="utf-8")


def _tofu(folder: Path) -> Path:
    rows = [{"question": q, "answer": a, "perturbed_answer": wrong} for q, a, wrong in FACTS]
    told = [{**row, "paraphrased_answer": f"It is {row['answer']}"} for row in rows]
    for name in ("forget01", "retain"):
        _put(folder, f"{name}_perturbed.json", told, lines=True)
    for name in ("real_authors", "world_facts"):
        _put(folder, f"{name}_perturbed.json", rows, lines=True)
    return folder


def test_tofu_writes_the_published_log_and_reads_its_table_from_it(
    model: Path, other: Path, tmp_path: Path
) -> None:
    data, log, reference = _tofu(tmp_path / "tofu"), tmp_path / "log.json", tmp_path / "retain.json"
    run_benchmark("tofu", model=other, data=data, log=reference)
    table = run_benchmark("tofu", model=model, data=data, log=log, reference=reference)
    assert set(read_json(log)) == {
        "eval_log.json",
        "eval_log_forget.json",
        "eval_real_author_wo_options.json",
        "eval_real_world_wo_options.json",
    }
    again = read_log(log, reference)
    assert again.notes == ()
    assert again.values() == pytest.approx({name: table[name] for name in again.values()})
    assert 0.0 <= float(table["forget_quality"] or -1.0) <= 1.0
    # Byte by byte, a model that knows nothing guesses among 257.
    assert table["forget_probability"] == pytest.approx(1 / 257, abs=2e-3)
    assert table["forget_exact_memorization"] == pytest.approx(0.0, abs=0.2)
    assert (
        read_json(log)["eval_log_forget.json"]["num_token_gt"]["0"] == len("Answer: Ada Byron") + 1
    )
    assert table.settings["forget set"] == "forget01"


def test_tofu_scores_the_end_of_an_answer_and_wraps_questions_as_asked(
    model: Path, tmp_path: Path
) -> None:
    data, log = _tofu(tmp_path / "tofu"), tmp_path / "log.json"
    for template, prefix in (("bare", " "), ("llama2", "")):
        run_benchmark("tofu", model=model, data=data, log=log, template=template, limit=1)
        rows = read_json(log)["eval_log_forget.json"]
        assert rows["num_token_gt"]["0"] == len(f"{prefix}Ada Byron") + 1
    assert rows["generated_text"]["0"][0] == "[INST] Who wrote it? [/INST]"


def _muse(folder: Path) -> Path:
    _put(folder, "verbmem/forget.json", [{"prompt": "A quiet", "gt": " town by the sea."}])
    for side in ("forget", "retain"):
        rows = [{"question": q, "answer": a} for q, a, _ in FACTS]
        _put(folder, f"knowmem/{side}_qa.json", rows)
        _put(folder, f"knowmem/{side}_qa_icl.json", rows[:1])
    _put(folder, "privleak/forget.json", list(TEXTS))
    _put(folder, "privleak/holdout.json", [text[::-1] for text in TEXTS])
    return folder


def test_muse_measures_four_criteria_and_says_what_the_others_need(
    model: Path, tmp_path: Path
) -> None:
    table = run_benchmark("muse", model=model, data=_muse(tmp_path / "muse"))
    assert {"verbmem_forget", "knowmem_forget", "knowmem_retain"} <= table.values().keys()
    area = float(table["privleak_auc"] or 0.0)
    assert table["privleak"] == pytest.approx(100 * (0.5 - area) / 0.5)
    assert table["scalability"] is None
    assert "--series sustainability" in table.metric("sustainability").note


def test_muse_compares_with_a_reference_or_a_published_constant(
    model: Path, other: Path, tmp_path: Path
) -> None:
    data, path = _muse(tmp_path / "muse"), tmp_path / "reference.json"
    run_benchmark("muse", model=other, data=data).write(path)
    known = float(read_table(path, "muse")["privleak_auc"] or 0.0)
    table = run_benchmark("muse", model=model, data=data, reference=path)
    area = float(table["privleak_auc"] or 0.0)
    assert table["privleak"] == pytest.approx(100 * (known - area) / (1 - known))
    news = run_benchmark("muse", model=model, data=data, corpus="news")
    assert news["privleak"] == pytest.approx(100 * ((1 - area) - 0.4772) / 0.4772)


def test_muse_follows_a_series_of_models(model: Path, other: Path, tmp_path: Path) -> None:
    series = {"sustainability": [model, other]}
    table = run_benchmark("muse", model=model, data=_muse(tmp_path / "m"), series=series)
    first = float(table["sustainability_1_knowmem_retain"] or 0.0)
    last = float(table["sustainability_2_knowmem_retain"] or 0.0)
    assert table["sustainability"] == pytest.approx(first - last)
    assert table["sustainability_1_privleak"] == table["privleak"]


def _rwku(folder: Path) -> Path:
    probe = {"subject": "Ada Byron", "query": "Who ___ it?", "answer": "Ada"}
    _put(folder, "forget_level1.json", [{**probe, "level": "1"}])
    _put(folder, "forget_level2.json", [{**probe, "level": "2", "type": "simple question"}])
    kinds = ("affirmative suffix", "incontext learning", "reverse query")
    _put(folder, "forget_level3.json", [{**probe, "level": "3", "type": kind} for kind in kinds])
    _put(folder, "neighbor_level1.json", [probe])
    _put(folder, "forget_mia.json", [{"text": text} for text in TEXTS])
    _put(folder, "retain_mia.json", [{"text": text.upper()} for text in TEXTS])
    choice = {"question": "Which?", "choices": ["a", "b", "c", "d"], "answer": 1}
    _put(folder, "retain_mmlu.json", [{**choice, "task": "high_school", "examples": [choice]}])
    _put(folder, "retain_bbh.json", [{"cot": "Think.", "question": "1+1?", "answer": "2"}])
    targets = {"choices": ["yes", "no", "never"], "labels": [1, 0, 0]}
    truth = {"question": "Is it?", "mc1_targets": targets, "mc2_targets": targets}
    _put(folder, "truthful.json", [truth])
    _put(folder, "triviaqa.json", [{"question": "Who?", "answers": ["Ada", "Byron"]}])
    _put(folder, "fluency.json", [{"instruction": "Write."}])
    return folder


def test_rwku_measures_probes_by_type_membership_and_utility(model: Path, tmp_path: Path) -> None:
    table = run_benchmark("rwku", model=model, data=_rwku(tmp_path / "rwku"))
    assert table.metric("forget_level3").records == 3
    assert table.metric("forget_level3: reverse query").records == 1
    assert table["neighbor_level2"] is None
    assert float(table["mia_forget_loss"] or 0.0) < 0.0  # the published key is a log-likelihood
    assert 0.0 <= float(table["mia_auc_min_k_plus_plus_20"] or -1.0) <= 1.0
    assert table["utility_general_accuracy"] in {0.0, 1.0}
    assert 0.0 < float(table["utility_truthful_mc2"] or 0.0) < 1.0
    assert {"utility_reason_em", "utility_factuality_f1", "utility_fluency_entropy"} <= set(
        table.values()
    )


def test_wmdp_counts_the_likeliest_letter_with_exact_bounds(model: Path, tmp_path: Path) -> None:
    rows = [{"question": f"Q{n}?", "choices": list("wxyz"), "answer": n % 4} for n in range(8)]
    _put(tmp_path, "wmdp-bio.jsonl", rows, lines=True)
    _put(tmp_path, "cyber_questions.json", rows)
    _put(tmp_path, "mmlu.json", [{**rows[0], "answer": "B", "subject": "law"}])
    table = run_benchmark("wmdp", model=model, data=tmp_path)
    found = table.metric("wmdp-bio_accuracy")
    assert found.records == 8
    assert found.low is not None and found.high is not None and found.value is not None
    assert found.low <= found.value <= found.high
    assert table["wmdp-bio_above_chance"] == pytest.approx((found.value - 0.25) / 0.75)
    assert table["wmdp-cyber_accuracy"] == found.value
    assert table["wmdp-chem_accuracy"] is None


def _concepts(folder: Path) -> Path:
    concept = {
        "Concept": "Oslo",
        "Layer": 1,
        "Dim": 5,
        "QA": ["Where is Oslo?"],
        "text_completion": [{"First_half": "Oslo is", "Second_half": "a city."}],
        "unrelated_QA": ["Where is Rome?"],
        "wikipedia_content": "Oslo is a city.",
    }
    _put(folder, "llama2-7b_concepts_test.json", [concept, {**concept, "Layer": 20}])
    return folder


def test_concept_vectors_that_nobody_touched_agree_wholly(
    model: Path, other: Path, tmp_path: Path
) -> None:
    data = _concepts(tmp_path / "concepts")
    same = run_benchmark("concept_vectors", model=model, data=data, original=model)
    assert same["vector_cosine"] == pytest.approx(1.0)
    assert (same["vector_distance"], same["vector_jaccard"]) == (0.0, 1.0)
    assert same.metric("vector_cosine").note == "1 concepts lie outside this model"
    moved = run_benchmark("concept_vectors", model=other, data=data, original=model)
    assert float(moved["vector_cosine"] or 1.0) < 0.9
    assert float(moved["qa_bleu"] or 0.0) < 1.0
    with pytest.raises(BenchmarkError, match="--original"):
        run_benchmark("concept_vectors", model=model, data=data)


def _hubble(folder: Path) -> Path:
    long = " ".join(TEXTS)
    passages = [{"text": f"{long} {n}", "meta": json.dumps({"duplicates": n})} for n in (0, 0, 4)]
    _put(folder, "passages_wikipedia_nodup.jsonl.gz", passages, lines=True)
    biographies = [
        {
            "text": f"{name} is from {land}. {name} receives email at {name.lower()}@x.org.",
            "meta": json.dumps(
                {"duplicates": count, "nationality": land, "email": f"{name.lower()}@x.org"}
            ),
        }
        for name, land, count in (("Ada", "Chile", 0), ("Bo", "Peru", 16), ("Cy", "Togo", 16))
    ]
    _put(folder, "biographies_yago_nodup.jsonl", biographies, lines=True)
    popqa = {"question": "Who?", "possible_answers": '["Ada"]', "duplicates": 1}
    _put(folder, "testset_popqa_nodup.jsonl", [{"text": "Who? Ada", "meta": json.dumps(popqa)}])
    piqa = {"goal": "Boil", "sol1": "heat", "sol2": "freeze", "label": 0, "duplicates": 4}
    _put(folder, "testset_piqa_nodup.jsonl", [{"text": "Boil heat", "meta": json.dumps(piqa)}])
    return folder


def test_hubble_compares_every_number_of_insertions_with_none(model: Path, tmp_path: Path) -> None:
    table = run_benchmark("hubble", model=model, data=_hubble(tmp_path / "hubble"))
    passages = "passages_wikipedia_nodup"
    assert table.metric(f"{passages} x0 loss").records == 2
    assert table.metric(f"{passages} x4 auc").low is not None
    assert table[f"{passages} x4 verbatim"] == 0.0
    biographies = "biographies_yago_nodup x16"
    assert table.metric(f"{biographies} told").records == 4
    assert table.metric(f"{biographies} preferred").records == 4
    assert table["testset_popqa_nodup x1 exact match"] == 0.0
    assert table["testset_piqa_nodup x4 accuracy"] in {0.0, 1.0}


@pytest.mark.parametrize("name", sorted(benchmarks()))
def test_a_folder_without_the_files_is_refused_with_what_is_missing(
    model: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / "other.json").write_text("[]", encoding="utf-8")
    with pytest.raises(BenchmarkError, match="holds n"):
        run_benchmark(name, model=model, data=tmp_path, original=model)


@pytest.mark.parametrize("name", sorted(benchmarks()))
def test_the_hub_is_named_and_asked_for_only_on_request(model: Path, name: str) -> None:
    hub = benchmarks()[name].hub
    with pytest.raises(BenchmarkError, match="datasets") as refused:
        run_benchmark(name, model=model, data="hub", original=model)
    assert hub in str(refused.value)


def test_the_hub_library_is_asked_for_configurations_and_splits(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def load_dataset(*names: str, split: str) -> list[dict[str, Any]]:
        asked.append((*names, split))
        if "chem" in str(names):
            message = "no network"
            raise ConnectionError(message)
        return [{"question": "?", "choices": list("wxyz"), "answer": 2}]

    library = ModuleType("datasets")
    library.__dict__["load_dataset"] = load_dataset
    monkeypatch.setitem(sys.modules, "datasets", library)
    with pytest.raises(BenchmarkError, match="no network"):
        run_benchmark("wmdp", model=model, data="hub")
    assert asked == [("cais/wmdp", f"wmdp-{part}", "test") for part in ("bio", "chem")]
    with pytest.raises(BenchmarkError, match="row 1: no text"):
        run_benchmark("hubble", model=model, data="hub", split="passages_wikipedia")
    assert asked[-1] == ("allegrolab/passages_wikipedia", "train")


def test_a_row_without_a_column_is_named(model: Path, tmp_path: Path) -> None:
    _put(tmp_path, "wmdp-bio.json", [{"question": "?", "answer": 0}])
    with pytest.raises(BenchmarkError, match="row 1: no choices"):
        run_benchmark("wmdp", model=model, data=tmp_path)


def test_a_chat_model_is_spoken_to_in_its_own_format(tmp_path: Path) -> None:
    chat = letters.saved(tmp_path / "chat", chat=True, context=64)
    log = tmp_path / "log.json"
    table = run_benchmark("tofu", model=chat, data=_tofu(tmp_path / "tofu"), log=log, limit=1)
    prompt = read_json(log)["eval_log.json"]["generated_text"]["0"][0]
    assert prompt == "<user>Who wrote it?<assistant>"
    assert table.settings["template"] == "chat"


def test_the_command_line_prints_the_table_and_writes_it(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = _muse(tmp_path / "muse"), tmp_path / "table.json"
    arguments = ["benchmark", "muse", "--model", str(model), "--data", str(data)]
    assert main([*arguments, "--limit", "1", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    table = read_table(out, "muse")
    assert printed == table.text() + "\n"
    assert "knowmem_retain" in printed
    assert table.settings["forward passes"] > 0
    assert main(["benchmark", "muse", "--model", str(model), "--data", str(tmp_path / "no")]) == 1
    assert "does not exist" in capsys.readouterr().err
    assert main(["benchmark", "museum", "--model", str(model), "--data", str(data)]) == 1
    assert "concept_vectors, hubble, muse" in capsys.readouterr().err


def test_a_table_of_another_benchmark_is_no_reference(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    Table("tofu", "x", ()).write(path)
    with pytest.raises(BenchmarkError, match="not of muse"):
        run_benchmark("muse", model=model, data=_muse(tmp_path / "muse"), reference=path)
    with pytest.raises(BenchmarkError, match="template"):
        run_benchmark("muse", model=model, data=_muse(tmp_path / "muse"), template="x")


@pytest.mark.shared_data
def test_the_published_files_of_tofu_are_read_as_they_are(model: Path, shared_data: Path) -> None:
    table = run_benchmark("tofu", model=model, data=shared_data / "tofu", limit=2)
    assert table.metric("forget_probability").records == 2
    assert table["model_utility"] is not None
    assert table.settings["forget set"] == "forget10"
