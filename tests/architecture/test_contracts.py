"""The walls of the house stand: who may import whom, and what a process may load."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from importlinter.cli import lint_imports

ROOT = Path(__file__).resolve().parents[2]


def test_every_import_contract_holds() -> None:
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == 0


def test_the_source_root_is_no_package() -> None:
    # A package called platform would hide the standard library's module of that name.
    assert not (ROOT / "platform" / "__init__.py").exists()


def loaded(statement: str) -> set[str]:
    """Return the top-level modules a fresh interpreter holds after the statement."""
    code = (
        f"{statement}\nimport sys\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    )
    path = f"{ROOT}:{ROOT / 'platform'}"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={
            "PYTHONPATH": path,
            "PATH": "/usr/bin:/bin",
            "DJANGO_SETTINGS_MODULE": "expunge.config.settings.test",
        },
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "statement",
    [
        "import expunge.config.wsgi; expunge.config.wsgi.application",
        "import django; django.setup(); import expunge.config.celery; import expunge.jobs.tasks",
    ],
    ids=["web", "worker"],
)
def test_no_platform_process_loads_torch(statement: str) -> None:
    assert not {"torch", "transformers", "peft", "unlearning", "verification"} & loaded(statement)


@pytest.mark.parametrize("package", ["contract", "corpora.hospital", "unlearning", "verification"])
def test_no_library_loads_django(package: str) -> None:
    assert not {"django", "celery", "rest_framework", "expunge"} & loaded(f"import {package}")


def test_production_runs_every_service_from_one_image() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    services = compose["services"]
    wanted = {"postgres", "redis", "migrate", "web", "beat"}
    wanted |= {"worker-cpu", "worker-gpu", "worker-sign"}
    assert set(services) == wanted
    ours = wanted - {"postgres", "redis"}
    assert all(services[name]["build"] == "." for name in ours)
    assert all("DATABASE_URL" in services[name]["environment"] for name in ours)
    assert services["web"]["ports"] == ["127.0.0.1:8000:8000"]


def test_the_image_copies_every_package() -> None:
    recipe = (ROOT / "Dockerfile").read_text()
    for package in ("platform", "contract", "corpora", "unlearning", "verification", "templates"):
        assert f"COPY {package} {package}" in recipe
