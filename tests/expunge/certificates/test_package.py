"""The programs of an auditor install alone: their files and what they need, no Django or torch."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path
from typing import Any

import pytest

from tests.expunge.certificates.conftest import Issued

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = ROOT / "packaging" / "verifier"
HEAVY = ("django", "celery", "rest_framework", "torch", "transformers", "weasyprint", "numpy")
LOAD = """
import json, sys
for name in sys.argv[2:]:
    sys.modules[name] = None
sys.path.insert(0, sys.argv[1])
import expunge.audit.cosigner, expunge.certificates.offline
print(json.dumps({name: getattr(module, "__file__", None) for name, module in sys.modules.items()
                  if module is not None}))
"""


@cache
def told() -> dict[str, Any]:
    return tomllib.loads((PACKAGE / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def alone(tmp_path_factory: Any) -> Path:
    """Put the files of the package into a folder, as its wheel has them."""
    folder: Path = tmp_path_factory.mktemp("verifier")
    wheel = told()["tool"]["hatch"]["build"]["targets"]["wheel"]
    for source, target in wheel["force-include"].items():
        (folder / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PACKAGE / source, folder / target)
    return folder


def run(alone: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(alone), "PATH": "/usr/bin:/bin"},
    )


def test_its_files_are_all_that_it_needs_and_no_more(alone: Path) -> None:
    done = run(alone, "-c", LOAD, str(alone), *HEAVY)
    assert done.returncode == 0, done.stderr
    own = {Path(path) for path in json.loads(done.stdout).values() if path}
    mine = {path for path in own if alone in path.parents}
    started = alone / "expunge" / "certificates" / "offline" / "__main__.py"
    assert mine == set(alone.rglob("*.py")) - {started}
    installed = Path(sys.prefix)
    ours = [path for path in own if ROOT in path.parents and installed not in path.parents]
    assert not [path for path in ours if alone not in path.parents]


def closure(names: list[str]) -> set[str]:
    found: set[str] = set()
    while names:
        name = names.pop().lower().replace("_", "-")
        if name in found:
            continue
        found.add(name)
        try:
            wanted = requires(name) or []
        except PackageNotFoundError:
            continue  # wanted on other systems only
        for line in wanted:
            if "extra ==" not in line:
                bare = line.split(";")[0]
                names.append(
                    "".join(c if c.isalnum() or c in "-_." else " " for c in bare).split()[0]
                )
    return found


def test_what_it_loads_comes_with_what_it_names(alone: Path) -> None:
    loaded = json.loads(run(alone, "-c", LOAD, str(alone), *HEAVY).stdout)
    tops = {name.split(".")[0] for name, path in loaded.items() if path and "site-packages" in path}
    known = packages_distributions()
    used = {dist.lower().replace("_", "-") for top in tops for dist in known.get(top, [])}
    named = closure(list(told()["project"]["dependencies"]))
    # Optional parts of others that happen to be installed here (an HTTP client that pyHanko can
    # use, say) load where they are and are missed nowhere.
    optional = closure(["aiohttp", "brotli", "setuptools"])
    assert used - named - optional == set()
    assert not {"django", "torch", "numpy", "weasyprint"} & named


@pytest.mark.django_db
def test_alone_it_verifies_a_certificate(alone: Path, issued: Issued) -> None:
    folder = issued.folder
    trust = ["--trust", str(folder / "roots.pem"), "--log-key", str(folder / "log.key")]
    beside = ["--sidecar", str(folder / "certificate.json"), "--log", str(issued.export)]
    program = ["-m", "expunge.certificates.offline", str(folder / "certificate.pdf")]
    done = run(alone, *program, *beside, *trust)
    assert done.returncode == 0, done.stdout + done.stderr
