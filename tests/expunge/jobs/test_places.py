"""One attempt per place, and a place is taken for as long as anything runs on it."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from expunge.jobs.configuration import Configuration, configuration
from expunge.jobs.locks import RunLock
from expunge.jobs.slots import free_place, places


@pytest.fixture
def choices(tmp_path: Path, settings: Any) -> Configuration:
    settings.EXPUNGE_ATTEMPTS_DIR = tmp_path / "attempts"
    return replace(configuration(), devices="cpu")


def test_a_machine_without_a_gpu_has_as_many_places_as_it_says(choices: Configuration) -> None:
    assert [place.name for place in places(replace(choices, cpu_slots=2))] == ["cpu-0", "cpu-1"]


def test_each_named_gpu_is_a_place(choices: Configuration) -> None:
    found = places(replace(choices, devices="cuda:0, cuda:3"))
    assert [(place.name, place.gpu) for place in found] == [("cuda-0", "0"), ("cuda-3", "3")]


def test_the_gpus_that_are_visible_are_the_places(
    choices: Configuration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    assert [place.gpu for place in places(replace(choices, devices="auto"))] == ["2", "5"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert [place.gpu for place in places(replace(choices, devices="auto"))] == [""]


def test_a_place_is_had_by_one_at_a_time(choices: Configuration) -> None:
    with free_place(choices) as first, free_place(choices) as second:
        assert first is not None and second is None
    with free_place(choices) as again:
        assert again is not None


def test_a_place_stays_taken_while_a_child_of_its_worker_lives(choices: Configuration) -> None:
    with free_place(choices) as taken:
        assert taken is not None
        child = subprocess.Popen(["sleep", "60"], pass_fds=[taken[1]])
    with free_place(choices) as second:
        assert second is None
    child.kill()
    child.wait()
    with free_place(choices) as third:
        assert third is not None


def test_who_takes_over_ends_the_process_group_that_was_left_behind(tmp_path: Path) -> None:
    first = RunLock(tmp_path / "run.lock")
    assert first.evict()
    child = subprocess.Popen(["sleep", "60"], pass_fds=[first.fd], start_new_session=True)
    first.name_group(child.pid)
    first.release()
    second = RunLock(tmp_path / "run.lock")
    assert second.evict()
    assert child.wait() == -9
    second.release()


def test_nothing_is_killed_that_is_not_known_to_work_in_the_folder(tmp_path: Path) -> None:
    first, second = RunLock(tmp_path / "run.lock"), RunLock(tmp_path / "run.lock")
    assert first.evict()
    first.name_group(1)
    first.clear()
    assert not second.evict()
    first.release()
