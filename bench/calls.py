"""The rows' costs: in the plain setting in full, in others what differs there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bench import callgrind, memory, timing
from bench.figures import Line, Section
from bench.progress import say
from bench.rows import BASE, KEYS, Row, by_name
from bench.servers import PLAIN, Bench, Setting

ELSEWHERE = (
    BASE,
    "RL.FIXED, allowed",
    "RL.SLIDING, allowed",
    "RL.TOKEN, allowed",
    "RL.LEAKY, allowed",
    "RL.LIMIT, 1 clause, allowed",
    "RL.LOG 1,000, allowed",
)
"""What is measured with an AOF or a replica too."""

GROWING = (BASE, "RL.FIXED, allowed", "RL.TOKEN, allowed")
"""What is measured over many more keys too."""

MANY_KEYS = 1_000_000
MANY_TITLE = "Over 1,000,000 keys"


def in_full(bench: Bench, rows: Sequence[Row]) -> Section:
    """Every column of every row."""
    section = _instructions(bench, rows, PLAIN)
    with bench.plain() as server:
        for row, line in zip(rows, section.lines, strict=True):
            say(f"{row.name}: time and memory")
            told = timing.speed(server, row)
            line.cpu_ns, line.per_second = told.cpu_ns, told.per_second
            waited = timing.latency(server, row)
            line.p50_us, line.p99_us = waited.p50_us, waited.p99_us
            if row.makes_key:
                line.bytes_per_key = memory.bytes_per_key(server, row)
    return section


def counts_only(bench: Bench, rows: Sequence[Row]) -> Section:
    """Nothing but instructions."""
    return _instructions(bench, rows, PLAIN)


def elsewhere(bench: Bench, setting: Setting) -> Section:
    """Instructions and CPU time where somebody listens to what is written."""
    rows = by_name(*ELSEWHERE)
    section = _instructions(bench, rows, setting)
    with bench.plain(setting) as server:
        for row, line in zip(rows, section.lines, strict=True):
            line.cpu_ns = timing.speed(server, row).cpu_ns
    return section


def over_many_keys(bench: Bench) -> Section:
    """Instructions and CPU time in a large key table."""
    rows = by_name(*GROWING)
    # No latency and no throughput: they are those of the CPU time.
    rows = [replace(row, times=1) for row in rows]
    section = _instructions(bench, rows, PLAIN, MANY_KEYS)
    section.title = MANY_TITLE
    with bench.plain() as server:
        for row, line in zip(rows, section.lines, strict=True):
            line.cpu_ns = timing.speed(server, row, MANY_KEYS).cpu_ns
    return section


def _instructions(bench: Bench, rows: Sequence[Row], setting: Setting, keys: int = KEYS) -> Section:
    section = Section(setting.title)
    with bench.counted(setting) as server:
        for row in rows:
            say(f"{row.name}: instructions ({setting.title.lower()})")
            section.lines.append(
                Line(row.name, row.kind, callgrind.instructions(server, row, keys))
            )
    return section
