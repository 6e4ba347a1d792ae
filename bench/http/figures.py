"""What was measured over HTTP, as it goes into results.json."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from bench.http.contenders import Contender, Kind
from bench.http.load import Sample

Rounds = Mapping[Contender, Sequence[Sample]]
"""Each contender's samples, one a round; the rounds of all happened side by side."""


@dataclass(frozen=True)
class Line:
    """One row: medians over the rounds."""

    group: str
    name: str
    libraries: Mapping[str, str]
    connections: int
    per_second: float
    p99_ms: float
    cpu_us: float
    of_bare: float | None
    """Requests per second over those of the bare server, round by round; None if not measured."""
    of_incr: float | None


@dataclass(frozen=True)
class Results:
    """A whole run."""

    about: Mapping[str, str]
    lines: Sequence[Line]

    def write_json(self, file: Path) -> None:
        """Everything."""
        file.write_text(json.dumps(_rounded(asdict(self)), indent=1, ensure_ascii=False) + "\n")


def line(
    contender: Contender, libraries: Mapping[str, str], connections: int, rounds: Rounds
) -> Line:
    """A contender's row at so many connections."""
    samples = rounds[contender]
    return Line(
        contender.group,
        contender.name,
        libraries,
        connections,
        median(sample.per_second for sample in samples),
        median(sample.p99_ms for sample in samples),
        median(sample.cpu_us for sample in samples),
        _over(rounds, contender, "bare"),
        _over(rounds, contender, "incr"),
    )


def _over(rounds: Rounds, contender: Contender, kind: Kind) -> float | None:
    for base, below in rounds.items():
        if (base.group, base.kind) == (contender.group, kind):
            pairs = zip(rounds[contender], below, strict=True)
            return median(one.per_second / other.per_second for one, other in pairs)
    return None


def _rounded(value: object) -> object:
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(each) for each in value]
    return round(value, 3) if isinstance(value, float) else value
