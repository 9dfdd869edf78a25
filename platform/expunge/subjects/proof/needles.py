"""The values that are looked for, and the guises in which bytes may hold them.

Instead of guessing every way to write a value, what is found is read in every way: as UTF-8,
UTF-16 and Latin-1, with the escapes of JSON, addresses and HTML undone, and with base64, hex and
zlib inside it decoded, some layers deep. Then case, width and spacing are levelled.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
import unicodedata
import zlib
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import unquote_plus

SHORTEST = 4
DEEPEST = 3
MOST_INFLATED = 16_000_000
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{6,}={0,2}")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}){4,}")
_JSON = re.compile(r"\\u([0-9a-fA-F]{4})")
_SURROGATES = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_SPACE = re.compile(r"\s+")


class Needles:
    """The values one looks for. It shows in no repr, and answers by number, counted from 1."""

    def __init__(self, values: Iterable[str]) -> None:
        given = [value.strip() for value in values if value.strip()]
        if any(len(_level(value)) < SHORTEST for value in given):
            raise ValueError(
                f"a value has fewer than {SHORTEST} signs and would be found everywhere"
            )
        self.values: Sequence[str] = tuple(dict.fromkeys(given))
        self._forms = [_forms(value) for value in self.values]

    def __repr__(self) -> str:
        """Say how many there are, and nothing of them."""
        return f"<Needles {len(self.values)}>"

    def in_text(self, text: str) -> frozenset[int]:
        """Return the numbers of the values that a text holds, in any guise."""
        found: set[int] = set()
        for guise in _guises(text, DEEPEST):
            level = _level(guise)
            found |= {
                number
                for number, forms in enumerate(self._forms, start=1)
                if any(form in level for form in forms)
            }
            if len(found) == len(self._forms):
                break
        return frozenset(found)

    def in_bytes(self, data: bytes) -> frozenset[int]:
        """Return the numbers of the values that bytes hold, in any guise."""
        return frozenset().union(*(self.in_text(text) for text in _texts(data)))


def _forms(value: str) -> frozenset[str]:
    """Return a value as it is looked for: as given, and a name also with its last part first."""
    level = _level(value)
    *first, last = level.split(" ")
    turned = {f"{last}, {' '.join(first)}", f"{last} {' '.join(first)}"} if first else set()
    few = len(first) <= 3 and "@" not in level  # noqa: PLR2004 - longer ones are no names
    return frozenset({level, *(turned if few else ())})


def _level(text: str) -> str:
    return _SPACE.sub(" ", unicodedata.normalize("NFKC", text).casefold())


def _texts(data: bytes) -> Iterator[str]:
    yield data.decode("utf-8", "replace")
    if not data.isascii():
        yield data.decode("latin-1")
    if b"\x00" in data:
        for offset in (0, 1):
            even = data[offset : offset + (len(data) - offset) // 2 * 2]
            yield even.decode("utf-16-le", "replace")
            yield even.decode("utf-16-be", "replace")
    yield from _inflated(data)


def _inflated(data: bytes) -> Iterator[str]:
    if data[:1] != b"\x78" and data[:2] != b"\x1f\x8b":
        return
    try:
        plain = zlib.decompressobj(wbits=47).decompress(data, MOST_INFLATED)
    except zlib.error:
        return
    yield plain.decode("utf-8", "replace")


def _guises(text: str, depth: int) -> Iterator[str]:
    yield text
    if depth == 0:
        return
    for other in {_unescaped(text), unquote_plus(text), html.unescape(text)} - {text}:
        yield from _guises(other, depth - 1)
    for data in _decoded(text):
        for inner in _texts(data):
            yield from _guises(inner, depth - 1)


def _unescaped(text: str) -> str:
    plain = _JSON.sub(lambda match: chr(int(match[1], 16)), text)
    whole = _SURROGATES.sub(
        lambda match: match[0].encode("utf-16-le", "surrogatepass").decode("utf-16-le"), plain
    )
    return whole.replace("\\n", "\n").replace("\\t", "\t").replace('\\"', '"').replace("\\/", "/")


def _decoded(text: str) -> Iterator[bytes]:
    for run in _BASE64.findall(text):
        bare = run.rstrip("=").replace("-", "+").replace("_", "/")
        # A run may begin inside a longer one, so it is read from each of four places.
        for start in range(4):
            part = bare[start:]
            part = part[: len(part) - 1] if len(part) % 4 == 1 else part
            try:
                data = base64.b64decode(part + "=" * (-len(part) % 4), validate=True)
            except (binascii.Error, ValueError):
                continue
            if data:
                yield data
    for run in _HEX.findall(text):
        yield bytes.fromhex(run)
