"""What we want to stay below, and whether we do. Reported, never asserted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from bench import charges, logs, places, regimes
from bench.figures import Outcome, Results, Section
from bench.rows import BASE, FILLING, REFILLED
from bench.servers import AOF, PLAIN

_LIGHT = ("RL.FIXED", "RL.SLIDING", "RL.TOKEN", "RL.LEAKY")
_CHEAP = (*_LIGHT, "RL.LIMIT, 1 clause")
_CELL = "RL.THROTTLE"
_LOG = "RL.LOG 1,000"
_VERDICTS = ("allowed", "denied")


def outcomes(results: Results) -> Sequence[Outcome]:
    """All bars; of several rows under one bar, the worst counts."""
    return list(_outcomes(results))


def _outcomes(results: Results) -> Iterator[Outcome]:
    def over(title: str, base: str, names: Iterable[str]) -> Iterator[float | None]:
        section = results.section(title)
        for name in names:
            line = section.line(name)
            yield section.ratio(line, base) if line else None

    plain, new, aof = PLAIN.title, regimes.NEW, AOF.title

    def each(title: str, where: str, names: Iterable[str], at_most: float) -> Iterator[Outcome]:
        for name in names:
            yield _bar(f"{name} / SET EX{where}", at_most, over(title, BASE, [name]))

    yield from each(plain, "", [f"{name}, allowed" for name in (*_CHEAP, _CELL)], 0.80)
    yield from each(plain, "", [f"{_LOG}, allowed"], 0.82)
    full = logs.title(1_000)
    yield _bar(f"{full}, full, allowed / SET EX", 0.82, over(full, BASE, [logs.ALLOWED]))
    yield from each(plain, "", (*FILLING, *REFILLED), 0.80)
    yield from each(plain, "", [f"{name}, denied" for name in (*_CHEAP, _CELL, _LOG)], 0.70)
    light = [name for name in regimes.FIRST_CALLS if name not in (BASE, f"{_LOG}, allowed")]
    yield from each(new, ", both of a new key", light, 0.97)
    yield from each(new, ", both of a new key", [f"{_LOG}, allowed"], 1.0)
    listened = [f"{name}, allowed" for name in (*_CHEAP, _LOG)]
    yield from each(aof, ", both with an AOF", listened, 0.95)
    yield from each(plain, "", ["RL.LIMIT, 3 clauses, allowed"], 1.35)
    yield from each(plain, "", ["RL.LIMIT, 16 clauses, allowed"], 4.5)
    for verdict in _VERDICTS:
        ours, theirs = f"RL.THROTTLE, {verdict}", f"redis-cell, {verdict}"
        yield _bar(f"{ours} / redis-cell", 0.42, over(plain, theirs, [ours]))

    for rest in (f"{n}, {verdict}" for n in ("1 clause", "3 clauses") for verdict in _VERDICTS):
        policy, written = f"RL.LIMIT POLICY, {rest}", f"RL.LIMIT, {rest}"
        yield _bar(f"{policy} / written out", 1.0, over(plain, written, [policy]))

    yield from _of_charges(results.section(charges.TITLE))
    yield from _of_places(results.section(places.TITLE))

    lines = [results.section(plain).line(f"{name}, allowed") for name in _LIGHT]
    keys = (line.bytes_per_key for line in lines if line)
    yield _bar("bytes per key, the most of four limiters", 165, keys)
    long = [results.section(logs.title(size)).line(logs.ALLOWED) for size in logs.SIZES[1:]]
    entries = (line.bytes_per_entry for line in long if line)
    yield _bar("bytes per log entry, the most from 1,000 on", 9, entries)


def _of_charges(section: Section) -> Iterator[Outcome]:
    def over(name: str, base: str) -> list[float | None]:
        line = section.line(name)
        return [section.ratio(line, base)] if line else []

    for command in charges.COMMANDS:
        named, plain = charges.named(command), charges.plain(command)
        yield _bar(f"{named} / without", 1.35, over(named, plain))
        repeated = charges.repeated(command)
        yield _bar(f"{repeated} / the first time", 0.9, over(repeated, named))
    many, few = charges.settled(charges.MANY), charges.settled(charges.FEW)
    yield _bar(f"{many} / {charges.FEW}", 3, over(many, few))
    yield _bar(
        f"{charges.TWO_KEYS} / RL.LIMIT", 1.8, over(charges.TWO_KEYS, charges.plain("RL.LIMIT"))
    )
    receipts = [section.line(name) for name in charges.RECEIPTS]
    sizes = [receipt.bytes_per_entry for receipt in receipts if receipt]
    yield _bar("bytes per receipt, the most of two", 64, sizes)


def _of_places(section: Section) -> Iterator[Outcome]:
    def over(name: str, base: str) -> list[float | None]:
        line = section.line(name)
        return [section.ratio(line, base)] if line else []

    for name in (places.TAKEN, places.TAKEN_AGAIN, places.REFUSED):
        yield _bar(f"{name} / {places.LOG}", 1.5, over(name, places.LOG))
    many, few = places.given_back(places.MANY), places.given_back(places.FEW)
    yield _bar(f"{many} / {places.FEW}", 1, over(many, few))
    yield _bar(f"{places.BANNED} / denied", 1, over(places.BANNED, places.COUNTED))
    lease = section.line(places.LEASE)
    yield _bar("bytes per lease", 64, [lease.bytes_per_entry] if lease else [])


def _bar(what: str, at_most: float, measured: Iterable[float | None]) -> Outcome:
    known = [one for one in measured if one is not None]
    worst = max(known, default=None)
    return Outcome(what, worst, at_most, None if worst is None else worst <= at_most)
