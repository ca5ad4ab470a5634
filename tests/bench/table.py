"""The one table: every figure beside its floor or a peer, measured side by side in the same run."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

_HEADINGS = ("figure", "measured", "cpu", "beside", "measured", "cpu", "ratio", "n")
_LEFT = (0, 3)


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two things of a row. `unit` follows the number; `cpu_ms` is user and system time, where it is told."""

    name: str
    value: float
    unit: str = "ms"
    cpu_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A figure, what stands beside it (None: nothing fits), and how often each was measured."""

    figure: Side
    beside: Side | None
    count: int

    def cells(self) -> tuple[str, ...]:
        """As `render` shows them, in the order of the headings."""
        beside = self.beside
        ratio = f"{self.figure.value / beside.value:.2f}×" if beside is not None and beside.value else ""
        return (
            *_shown(self.figure),
            *(_shown(beside) if beside is not None else ("", "", "")),
            ratio,
            str(self.count),
        )


def _shown(side: Side) -> tuple[str, str, str]:
    value = f"{side.value:.2f}" if side.value < 10 else f"{side.value:.1f}"
    return side.name, f"{value} {side.unit}", "" if side.cpu_ms is None else f"{side.cpu_ms:.0f}"


def render(rows: Sequence[Row]) -> str:
    """The table as text, columns aligned, headings first."""
    lines = [_HEADINGS, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEADINGS))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column in _LEFT else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def percentile(values: Sequence[float], percent: int) -> float:
    """The smallest value that `percent` of 100 are not above (nearest rank); `values` is not empty."""
    ranked = sorted(values)
    return ranked[max(0, -(-len(ranked) * percent // 100) - 1)]


def median(values: Sequence[float]) -> float:
    """The middle one, or the mean of the two in the middle."""
    return statistics.median(values)
