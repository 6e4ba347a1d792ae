"""What we want to stay below, and whether we do. Reported, never asserted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from bench import logs
from bench.figures import Outcome, Results
from bench.rows import BASE
from bench.servers import AOF, PLAIN

_CHEAP = ("RL.FIXED", "RL.SLIDING", "RL.TOKEN", "RL.LEAKY", "RL.LIMIT, 1 clause")
_VERDICTS = ("allowed", "denied")
_LIGHT = ("RL.FIXED", "RL.SLIDING", "RL.TOKEN", "RL.LEAKY")


def outcomes(results: Results) -> Sequence[Outcome]:
    """All bars; of several rows under one bar, the worst counts."""
    return list(_outcomes(results))


def _outcomes(results: Results) -> Iterator[Outcome]:
    def over(title: str, base: str, names: Iterable[str]) -> Iterator[float | None]:
        section = results.section(title)
        for name in names:
            line = section.line(name)
            yield section.ratio(line, base) if line else None

    plain, aof = PLAIN.title, AOF.title
    allowed = [f"{name}, allowed" for name in _CHEAP]
    denied = [f"{name}, denied" for name in _CHEAP]
    for name in allowed:
        yield _bar(f"{name} / SET EX", 0.85, over(plain, BASE, [name]))
    for name in denied:
        yield _bar(f"{name} / SET EX", 0.75, over(plain, BASE, [name]))
    log = "RL.LOG 1,000, allowed"
    yield _bar(f"{log} / SET EX", 1.1, over(plain, BASE, [log]))
    full = logs.title(1_000)
    yield _bar(f"{full}, full, allowed / SET EX", 1.1, over(full, BASE, [logs.ALLOWED]))
    three = "RL.LIMIT, 3 clauses, allowed"
    yield _bar(f"{three} / SET EX", 1.6, over(plain, BASE, [three]))
    for name in ("RL.FIXED, allowed", "RL.TOKEN, allowed"):
        yield _bar(f"{name} / SET EX, both with an AOF", 1.15, over(aof, BASE, [name]))
    for verdict in _VERDICTS:
        ours, theirs = f"RL.THROTTLE, {verdict}", f"redis-cell, {verdict}"
        yield _bar(f"{ours} / redis-cell", 0.42, over(plain, theirs, [ours]))

    for rest in (f"{n}, {verdict}" for n in ("1 clause", "3 clauses") for verdict in _VERDICTS):
        policy, written = f"RL.LIMIT POLICY, {rest}", f"RL.LIMIT, {rest}"
        yield _bar(f"{policy} / written out", 1.0, over(plain, written, [policy]))

    light = [results.section(plain).line(f"{name}, allowed") for name in _LIGHT]
    keys = (line.bytes_per_key for line in light if line)
    yield _bar("bytes per key, the most of four limiters", 165, keys)
    long = [results.section(logs.title(size)).line(logs.ALLOWED) for size in logs.SIZES[1:]]
    entries = (line.bytes_per_entry for line in long if line)
    yield _bar("bytes per log entry, the most from 1,000 on", 9, entries)


def _bar(what: str, at_most: float, measured: Iterable[float | None]) -> Outcome:
    known = [one for one in measured if one is not None]
    worst = max(known, default=None)
    return Outcome(what, worst, at_most, None if worst is None else worst <= at_most)
