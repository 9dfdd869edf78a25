"""What is deployed fits the code: every scheduled task is known, every variable is documented."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from expunge.config.celery import app

ROOT = Path(__file__).resolve().parents[2]
READ = re.compile(
    r"(?:environ\.get|environ\[|environment\.read|environment\.words|required|words)"
    r"[\(\s]*['\"](EXPUNGE_\w+|DATABASE_URL|REDIS_URL)['\"]"
)
TASK = re.compile(r"['\"](expunge\.[a-z_.]+\.(?:tasks|background|celery_tasks)\.[a-z_]+)['\"]")
MENTIONED = re.compile(r"\b(EXPUNGE_[A-Z_]*[A-Z])\b")


def variables() -> set[str]:
    """Return every variable of the environment that the platform reads."""
    sources = (ROOT / "platform").rglob("*.py")
    return {name for path in sources for name in READ.findall(path.read_text(encoding="utf-8"))}


def documented() -> str:
    """Return what whoever deploys reads."""
    pages = (".env.example", "docs/guides/deploy.md")
    return "\n".join((ROOT / page).read_text(encoding="utf-8") for page in pages)


@pytest.fixture(scope="module")
def services() -> Any:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    return yaml.safe_load(text)["services"]


def commands(services: Any) -> Iterator[list[str]]:
    for service in services.values():
        if "celery" in service.get("command", []):
            yield service["command"]


def test_every_scheduled_task_is_one_the_worker_knows() -> None:
    app.loader.import_default_modules()
    scheduled = {entry["task"] for entry in app.conf.beat_schedule.values()}
    assert scheduled <= set(app.tasks)


def test_every_task_that_is_sent_or_routed_by_name_is_one_the_worker_knows() -> None:
    app.loader.import_default_modules()
    sources = (ROOT / "platform").rglob("*.py")
    named = {name for path in sources for name in TASK.findall(path.read_text(encoding="utf-8"))}
    assert len(named) >= 5
    assert named <= set(app.tasks)


def test_every_variable_is_documented_and_every_documented_one_is_read() -> None:
    read, told = variables(), documented()
    assert len(read) > 30
    assert sorted(name for name in read if not re.search(rf"\b{name}\b", told)) == []
    known = read | {f"{name}_FILE" for name in read}
    assert sorted(set(MENTIONED.findall(told)) - known) == []


def test_the_workers_serve_every_queue_and_one_beat_ticks(services: Any) -> None:
    served = {
        queue
        for command in commands(services)
        if "worker" in command
        for queue in command[command.index("--queues") + 1].split(",")
    }
    routed = {route["queue"] for route in app.conf.task_routes.values()}
    assert served == routed | {app.conf.task_default_queue}
    assert sum("beat" in command for command in commands(services)) == 1


def test_every_service_waits_for_what_exists_and_every_folder_is_in_the_image(
    services: Any,
) -> None:
    for service in services.values():
        assert set(service.get("depends_on", ())) <= set(services)
    image = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    for folder in {package.partition("/")[0] for package in packages} | {"templates", "static"}:
        assert f"COPY {folder} " in image
