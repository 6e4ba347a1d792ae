"""What was measured, as it goes into results.json; a figure that was not taken is None."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.floor import Floor
from bench.rows import BASE, Kind


@dataclass
class Line:
    """One row's figures."""

    name: str
    kind: Kind
    instructions: float | None = None
    cpu_ns: float | None = None
    per_second: float | None = None
    p50_us: float | None = None
    p99_us: float | None = None
    bytes_per_key: float | None = None
    bytes_per_entry: float | None = None


@dataclass
class Section:
    """What was measured under the same circumstances, and is to be compared."""

    title: str
    lines: list[Line] = field(default_factory=list)

    def line(self, name: str) -> Line | None:
        """The line of that name."""
        return next((line for line in self.lines if line.name == name), None)

    def ratio(self, line: Line, base: str = BASE) -> float | None:
        """A line's instructions, over those of another line of this section."""
        below = self.line(base)
        if below is None or below.instructions is None or line.instructions is None:
            return None
        return line.instructions / below.instructions


@dataclass(frozen=True)
class Outcome:
    """One bar: what was measured against what was asked for."""

    what: str
    measured: float | None
    at_most: float
    met: bool | None


@dataclass
class Results:
    """A whole run."""

    about: Mapping[str, str]
    sections: list[Section] = field(default_factory=list)
    core_ns: Mapping[str, float] = field(default_factory=dict)
    floor: Floor | None = None
    bars: Sequence[Outcome] = ()

    def section(self, title: str) -> Section:
        """The section of that title, empty where nothing of it was measured."""
        return next((one for one in self.sections if one.title == title), Section(title))


def write_json(results: Results, file: Path) -> None:
    """Everything, with what was not measured left out."""
    file.write_text(json.dumps(_tidy(asdict(results)), indent=1, ensure_ascii=False) + "\n")


def _tidy(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _tidy(each) for name, each in value.items() if each is not None}
    if isinstance(value, list | tuple):
        return [_tidy(each) for each in value]
    return round(value, 3) if isinstance(value, float) else value
