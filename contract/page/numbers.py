"""Numbers as the page writes them, and the tables they stand in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from contract.report import CheckResult, Estimate

_DASH = "\u2013"
_MINUS = "\u2212"
_SMALL, _LARGE = 1e-3, 1e4
_MINUTE = 60


def quantity(value: float | None) -> str:
    """Return a number with three significant digits, a dash where nothing was measured."""
    if value is None:
        return _DASH
    far = value != 0 and (abs(value) < _SMALL or abs(value) >= _LARGE)
    return (f"{value:.1e}" if far else f"{value:.3g}").replace("-", _MINUS)


def whole(value: int) -> str:
    """Return a whole number with thin spaces between thousands."""
    return f"{value:,}".replace(",", "\u202f")


def duration(seconds: float, gap: str = "\u202f") -> str:
    """Return seconds as a person says them; ``gap`` stands between a number and its unit."""
    if seconds < _MINUTE:
        return f"{seconds:.1f}{gap}s"
    minutes, rest = divmod(round(seconds), _MINUTE)
    hours, minutes = divmod(minutes, _MINUTE)
    return f"{hours}{gap}h {minutes}{gap}min" if hours else f"{minutes}{gap}min {rest}{gap}s"


def interval(estimate: Estimate) -> str:
    """Return the confidence interval of an estimate."""
    low, high = estimate.low, estimate.high
    if low is not None and high is not None:
        return f"{quantity(low)} to {quantity(high)}"
    if low is not None:
        return f"at least {quantity(low)}"
    return _DASH if high is None else f"at most {quantity(high)}"


def estimates_table(result: CheckResult) -> str:
    """Return a check's statistics, before and after; those the original alone has come last."""
    if not result.estimates and not result.before:
        return ""
    before = {item.name: item for item in result.before}
    rows = [_estimate_row(item, before.pop(item.name, None)) for item in result.estimates]
    rows += [_before_row(item) for item in before.values()]
    heads = ("Statistic", "Before", "After", "Interval", "Margin", "p")
    return table(heads, rows, f"The numbers of: {result.title}")


def table(
    heads: Sequence[str], rows: Iterable[Sequence[str]], caption: str, *, total: bool = False
) -> str:
    """Return a table whose first column names the rows; cells are text, already plain.

    On a phone every row becomes a card, so each cell carries the name of its column.
    """
    head = "".join(
        f'<th scope="col"{_number(place)}>{escape(name)}</th>' for place, name in enumerate(heads)
    )
    lines = list(rows)
    body = [_line(heads, cells) for cells in lines]
    foot = f"<tfoot>{body.pop()}</tfoot>" if total and body else ""
    return (
        f'<table><caption class="unseen">{escape(caption)}</caption><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody>{foot}</table>"
    )


def _line(heads: Sequence[str], cells: Sequence[str]) -> str:
    first, *others = cells
    rest = "".join(
        f'<td class="num{" none" * (cell == _DASH)}" data-name="{escape(name)}">{escape(cell)}</td>'
        for name, cell in zip(heads[1:], others, strict=True)
    )
    return f'<tr><th scope="row">{escape(first)}</th>{rest}</tr>'


def _number(place: int) -> str:
    return ' class="num"' if place else ""


def _estimate_row(after: Estimate, before: Estimate | None) -> Sequence[str]:
    return (
        after.name.replace("_", " "),
        quantity(before.value if before else None),
        quantity(after.value),
        interval(after),
        quantity(after.margin),
        quantity(after.p_leak),
    )


def _before_row(before: Estimate) -> Sequence[str]:
    return (before.name.replace("_", " "), quantity(before.value), _DASH, _DASH, _DASH, _DASH)


def cost_table(results: Sequence[CheckResult], names: Sequence[str], total: Sequence[str]) -> str:
    """Return what every check cost; ``total`` is the row below them."""
    rows = [
        (name, whole(item.forward_passes), whole(item.tokens), duration(item.seconds))
        for name, item in zip(names, results, strict=True)
    ]
    heads = ("Check", "Forward passes", "Tokens", "Time")
    return table(heads, [*rows, total], "What every check cost", total=True)
