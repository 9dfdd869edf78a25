"""The process that answers pages and API never loads torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
CODE = """
import sys
import django
django.setup()
from django.urls import get_resolver
for pattern in get_resolver().url_patterns:
    pattern.url_patterns
from drf_spectacular.generators import SchemaGenerator
SchemaGenerator().get_schema(public=True)
print(*sorted({"torch", "transformers", "peft", "unlearning", "verification"} & set(sys.modules)))
"""


def test_no_page_and_no_resource_brings_torch_along() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={
            "PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}",
            "PATH": "/usr/bin:/bin",
            "DJANGO_SETTINGS_MODULE": "expunge.config.settings.test",
        },
    )
    assert done.stdout.strip() == ""
