"""The text format that Prometheus reads, version 0.0.4."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_LABEL_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
_HELP_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n"})
_EXACT_MAX = 1 << 53  # above it a float, which is what a sample is, no longer holds every number


class Kind(StrEnum):
    """What a family of samples is."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Exposition:
    """Collects families, each whole and once, and gives their text."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def family(
        self,
        name: str,
        kind: Kind,
        doc: str,
        samples: Iterable[tuple[str, float]],
    ) -> None:
        """Add a family of samples by their ``labels``; one without any is left out.

        Counters end in ``_total``.
        """
        assert (kind is Kind.COUNTER) == name.endswith("_total")
        lines = [
            f"{name}{{{of}}} {_number(value)}" if of else f"{name} {_number(value)}"
            for of, value in samples
        ]
        if lines:
            self._head(name, kind, doc)
            self._lines += lines

    def histogram(
        self,
        name: str,
        doc: str,
        samples: Iterable[tuple[str, list[tuple[float, int]], float, int]],
    ) -> None:
        """Add a histogram: labels (some), cumulative counts by bound, sum and count of each."""
        lines: list[str] = []
        for of, buckets, total, count in samples:
            for bound, below in buckets:
                lines.append(f'{name}_bucket{{{of},le="{_number(bound)}"}} {below}')
            lines.append(f'{name}_bucket{{{of},le="+Inf"}} {count}')
            lines.append(f"{name}_sum{{{of}}} {_number(total)}")
            lines.append(f"{name}_count{{{of}}} {count}")
        if lines:
            self._head(name, Kind.HISTOGRAM, doc)
            self._lines += lines

    def _head(self, name: str, kind: Kind, doc: str) -> None:
        self._lines.append(f"# HELP {name} {doc.translate(_HELP_ESCAPES)}")
        self._lines.append(f"# TYPE {name} {kind}")

    def text(self) -> str:
        """Everything that was added."""
        return "\n".join([*self._lines, ""])


def labels(**values: str) -> str:
    """Labels as samples carry them; more of them follow behind a comma."""
    return ",".join(f'{name}="{value.translate(_LABEL_ESCAPES)}"' for name, value in values.items())


def _number(value: float) -> str:
    if isinstance(value, int) or (value.is_integer() and abs(value) < _EXACT_MAX):
        return str(int(value))
    return repr(value)
