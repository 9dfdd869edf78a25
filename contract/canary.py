"""The ledger of canaries: fair coins that decided which of two was trained on.

One JSON object a line, one coin each: the records that were put in (``inside``) and those that
would have been, had the coin fallen the other way (``outside``). The ledger is written when
records are taken in, and sealed before anybody trains; a pair of people has one coin however
many records they have.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from contract.record import FROZEN


@dataclass(frozen=True, config=FROZEN)
class Coin:
    """One coin: ids of the records that it put in, and of those that it left out."""

    inside: tuple[str, ...]
    outside: tuple[str, ...]


_COIN: TypeAdapter[Coin] = TypeAdapter(Coin)


def read_coins(path: Path) -> tuple[Coin, ...]:
    """Read a ledger; raises ``ValueError`` for a bad line, an empty side or a record twice."""
    coins = []
    with path.open(encoding="utf-8") as handle:
        for number, line in enumerate(handle, start=1):
            if not line.strip():
                continue
            try:
                coin = _COIN.validate_json(line)
            except ValueError as error:
                message = f"{path.name}, line {number}: not a coin"
                raise ValueError(message) from error
            if not (coin.inside and coin.outside):
                message = f"{path.name}, line {number}: a coin has two sides"
                raise ValueError(message)
            coins.append(coin)
    seen = Counter(item for coin in coins for item in (*coin.inside, *coin.outside))
    if any(count > 1 for count in seen.values()):
        message = f"{path.name}: a record stands under more than one coin"
        raise ValueError(message)
    return tuple(coins)


def write_coins(path: Path, coins: Iterable[Coin]) -> None:
    """Write a ledger, one coin a line."""
    lines = (_COIN.dump_json(coin).decode() + "\n" for coin in coins)
    path.write_text("".join(lines), encoding="utf-8")
