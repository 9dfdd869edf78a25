"""Whatever the verifier says of one file, the page that runs it can say in German."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from itertools import product
from types import ModuleType

import pytest

from expunge.audit import checkpoint, merkle, tokens
from expunge.certificates import envelope, evidence
from expunge.certificates.offline import signature, statement, trust, verification
from expunge.certificates.phrases import said

MOMENT, WHAT = "2026-11-21 22:55:00 UTC", "this very file"
CAUSES = {"CheckpointError", "ProofError", "TokenError", "EvidenceError", "EnvelopeError"}
NOT_HERE = (
    "key reads",
    "key is not",
    "key is written",
    "its id",
    "no key",
    "moment a key",
    "consistency",
    "log of",
    "two logs",
    "newer log",
)
"""What is said of keys that cannot be read, and of logs; the page looks at neither."""


def texts(node: ast.expr, values: dict[str, tuple[str, ...]]) -> Iterator[str]:
    """Yield what an expression of a string may come to, with examples for what it is filled by."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        ways = [
            values[ast.unparse(part.value)]
            if isinstance(part, ast.FormattedValue)
            else tuple(texts(part, values))
            for part in node.values
        ]
        for words in product(*ways):
            yield "".join(words)


def raised(module: ModuleType, names: set[str], values: dict[str, tuple[str, ...]]) -> list[str]:
    return [
        text
        for node in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names
        for text in texts(node.args[0], values)
    ]


def causes(module: ModuleType) -> tuple[str, ...]:
    values = {"index": ("9",), "size": ("7",), "first": ("3",), "second": ("2",)}
    values["schema"] = ("expunge.sidecar/1",)
    found = [*raised(module, CAUSES, values), getattr(module, "OTHER", "")]
    return tuple(text for text in found if text and not any(part in text for part in NOT_HERE))


@pytest.mark.parametrize("module", [signature, statement, trust, verification])
def test_every_refusal_has_german_words(module: ModuleType) -> None:
    below = {
        signature: causes(tokens),
        trust: causes(tokens),
        statement: (*causes(checkpoint), *causes(merkle)),
    }.get(module, ())
    values = {
        "what": (WHAT, "the statement", f"the checkpoint over {WHAT}"),
        "whose": ("the statement", "the status list"),
        "error": below,
        "name": ("log-entry.json",),
        "str(error).capitalize()": tuple(
            text.capitalize() for text in (*causes(envelope), *causes(evidence))
        ),
        "', '.join(missing)": ("auditor.example/main",),
    }
    refusals = raised(module, {"Refusal"}, values)
    assert refusals
    for sentence in refusals:
        assert said(sentence, "de") != sentence


FILE = f"The log recorded {WHAT}, all 212988 bytes of it,"
UNDER = f"under a checkpoint timestamped {MOMENT}."
FINDINGS = (
    f"The file is as 'Dr. A. Issuer' signed it, no later than {MOMENT}, and was not changed since.",
    "The attached statement is signed: Notice of containment only.",
    f"The audit log 'a/b' recorded this statement as entry 2, {UNDER}",
    f"{FILE} as entry 4, {UNDER}",
    f"{FILE} a renewed archive of the first 9, as entry 4, {UNDER}",
    f"The status list of {MOMENT} names this document.",
    f"The status list of {MOMENT} does not name this document.",
    "Not checked: without the sidecar, the log's record of this very file is missing.",
    "Not checked: no export of the log was given.",
    verification.NO_STATUS,
    *("signature", "statement", "log entry", WHAT, "log", "revocation"),
)


@pytest.mark.parametrize("sentence", FINDINGS)
def test_every_finding_has_german_words(sentence: str) -> None:
    assert said(sentence, "de") != sentence
