"""The examples of the documentation: read out of Markdown, run through the real redis-cli.

An example is a fenced block marked `redis-cli`:

    redis> RL.FIXED user:42 3 10s
    1) (integer) 1
    ...
    # 400 ms later
    redis> RL.PEEK user:42

A prompt may also be `127.0.0.1:6379> `, and within a transaction end in `(TX)> `. A line such
as `# 400 ms later` (ms, s, m, h or d) moves the clock. All other lines are what the commands
above them print, exactly; empty lines do not count. Each block starts on an empty keyspace.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from support.paths import ROOT
from support.server import Server

FENCE = re.compile(r"^(?P<indent> *)```redis-cli *\n(?P<body>.*?)^(?P=indent)```", re.M | re.S)
PROMPT = re.compile(r"^(?:redis|127\.0\.0\.1:\d+)(?:\[\d+\])?(?:\(TX\))?> (.+)$")
DURATION = re.compile(r"\(\d+\.\d+s\)")
"""What redis-cli adds to a reply that took it half a second, as on a busy machine."""
LATER = re.compile(r"^# (\d+) ?(ms|s|m|h|d) later$")
UNIT_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


@dataclass
class Step:
    """Commands of one moment, and what they print one after another."""

    later_ms: int = 0
    commands: list[str] = field(default_factory=list)
    printed: list[str] = field(default_factory=list)


@dataclass
class Example:
    """One block, and where it stands."""

    place: str
    steps: list[Step]


def documents() -> list[Path]:
    """Answer the pages whose examples are promises: the README and all below docs/."""
    readme = ROOT / "README.md"
    return [*([readme] if readme.exists() else []), *sorted((ROOT / "docs").rglob("*.md"))]


def examples() -> list[Example]:
    """Answer all examples of all pages."""
    return [example for page in documents() for example in examples_in(page)]


def examples_in(page: Path) -> Iterator[Example]:
    """Read one page's examples."""
    text = page.read_text()
    name = page.relative_to(ROOT) if page.is_relative_to(ROOT) else page.name
    for block in FENCE.finditer(text):
        line = text.count("\n", 0, block.start()) + 1
        indent = len(block["indent"])
        yield parse(f"{name}:{line}", [row[indent:] for row in block["body"].splitlines()])


def parse(place: str, lines: list[str]) -> Example:
    """Read the lines of one block."""
    steps = [Step()]
    for line in lines:
        prompt, later = PROMPT.match(line), LATER.match(line)
        if later:
            steps.append(Step(int(later[1]) * UNIT_MS[later[2]]))
        elif prompt:
            steps[-1].commands.append(prompt[1])
        elif line.strip():
            if not steps[-1].commands:
                raise ValueError(f"{place}: '{line}' is not what any command printed")
            steps[-1].printed.append(line.rstrip())
    if not any(step.commands for step in steps):
        raise ValueError(f"{place}: there is no command in this example")
    return Example(place, steps)


def run(example: Example, server: Server) -> list[Step]:
    """Run an example; answer its steps with what was really printed."""
    return [Step(step.later_ms, step.commands, printed_by(step, server)) for step in example.steps]


def printed_by(step: Step, server: Server) -> list[str]:
    """Run one step's commands over one connection."""
    server.clock.advance(step.later_ms)
    if not step.commands:
        return []
    return lines_of(server.cli(stdin="\n".join(step.commands) + "\n"))


def lines_of(output: str) -> list[str]:
    """The lines of what redis-cli printed."""
    printed = [line.rstrip() for line in output.splitlines() if line.strip()]
    return [line for line in printed if not DURATION.fullmatch(line)]


def shown(steps: list[Step]) -> str:
    """Write steps so that two of them compare well."""
    lines = []
    for step in steps:
        lines += [f"# {step.later_ms} ms later"] if step.later_ms else []
        lines += [f"redis> {command}" for command in step.commands]
        lines += step.printed
    return "\n".join(lines)
