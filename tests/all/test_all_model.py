"""RL.ALL against RL.LIMIT: what it does at each key is what a call on that key alone would do."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from support.clock import Clock
from support.resp import Argument, Failure, RawConnection, Reply
from support.verdicts import clauses

pytestmark = pytest.mark.all_servers

KEYS = [f"k{number}" for number in range(6)]
ALGORITHMS = ("FIXED", "SLIDING", "LOG", "TOKEN", "LEAKY")
PERIODS = ("700ms", "3", "1m", "5h")
FORWARD_MS = (0, 0, 0, 1, 350, 700, 2_000, 30_000, 7_200_000)
BACK_MS = (*FORWARD_MS, -1, -400, -20_000)


class Group(NamedTuple):
    """What a call asks of one key."""

    key: str
    clauses: list[list[Argument]]
    cost: int

    def words(self) -> list[Argument]:
        return [*(word for clause in self.clauses for word in clause), "COST", self.cost]


class Calls:
    """Random calls, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def call(self) -> list[Group]:
        pick = self.random.choice
        return [
            Group(key, self._clauses(), pick((0, 1, 1, 1, 2, 4)))
            for key in self.random.sample(KEYS, pick((1, 2, 2, 3, 5)))
        ]

    def _clauses(self) -> list[list[Argument]]:
        pick = self.random.choice
        wanted = {(pick(ALGORITHMS), pick(PERIODS)) for _ in range(pick((1, 1, 2, 3)))}
        return [
            [name, pick((3, 9, 40)), *([pick((1, 5))] if name in ALGORITHMS[3:] else []), period]
            for name, period in sorted(wanted)
        ]


Held = list[tuple[Reply, Reply]]


def held(raw: RawConnection, keys: list[str]) -> Held:
    """State of keys to the bit, and their expiry."""
    digests = raw("DEBUG", "DIGEST-VALUE", *keys)
    assert isinstance(digests, list)
    return [(one, raw("PEXPIRETIME", key)) for one, key in zip(digests, keys, strict=True)]


def apart(
    raw: RawConnection, groups: list[Group], ending: list[Argument]
) -> tuple[list[Reply], Held]:
    """What each key answers alone, and holds then; of copies, which are gone afterwards."""
    replies, copies = [], [f"copy:{group.key}" for group in groups]
    for group, copy in zip(groups, copies, strict=True):
        raw("COPY", group.key, copy)
        replies.append(raw("RL.LIMIT", copy, *group.words(), *ending))
    found = held(raw, copies)
    raw("DEL", *copies)
    return replies, found


def together(raw: RawConnection, groups: list[Group], ending: list[Argument]) -> Reply:
    words: list[Argument] = []
    for group in groups:
        words += ["AND", group.key, *group.words()]
    return raw("RL.ALL", *words[1:], *ending)


def steps(seed: int, back: bool) -> list[int]:
    """How the clock goes on between calls."""
    return random.Random(-seed).choices(BACK_MS if back else FORWARD_MS, k=600)


@pytest.fixture
def lazy(raw: RawConnection) -> Iterator[None]:
    """Keys go when they are asked for, not when the server's timer sees a clock that steps."""
    raw("DEBUG", "SET-ACTIVE-EXPIRE", 0)
    yield
    raw("DEBUG", "SET-ACTIVE-EXPIRE", 1)


@pytest.mark.usefixtures("lazy")
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("ids", [False, True], ids=["without ids", "with ids"])
def test_it_does_at_each_key_what_a_call_on_it_would(
    raw: RawConnection, clock: Clock, seed: int, ids: bool
) -> None:
    calls = Calls(seed)
    known: list[tuple[list[Group], list[Argument]]] = []
    allowed = denied = 0
    for number, step_ms in enumerate(steps(seed, back=not ids)):
        clock.advance(step_ms)
        groups, ending = calls.call(), list[Argument]()
        if ids:
            # Now and then a call that was made before, at fewer keys or more.
            ending = ["ID", f"id:{number}", "KEEP", "1m"]
            if known and calls.random.random() < 0.4:
                old, ending = calls.random.choice(known)
                keys = {group.key for group in old}
                groups = [*old[1:], *(group for group in groups if group.key not in keys)] or groups
            known = [*known[-5:], (groups, ending)]
        if sum(len(group.clauses) for group in groups) > 16 or len(groups) > 8:
            continue
        alone, charged = apart(raw, groups, ending)
        _, looked = apart(raw, [group._replace(cost=0) for group in groups], [])
        keys_of = [group.key for group in groups]
        before = held(raw, keys_of)
        reply = together(raw, groups, ending)
        failures = [each for each in alone if isinstance(each, Failure)]
        if failures:
            assert reply == failures[0]
            assert held(raw, keys_of) == before
            continue
        verdict, told = clauses(reply)
        single = [clauses(each) for each in alone]
        assert verdict == min(one for one, _ in single)
        of_keys = iter(told)
        split = [[next(of_keys) for _ in each] for _, each in single]
        if verdict == 1:
            allowed += 1
            assert split == [each for _, each in single]
            assert held(raw, keys_of) == charged
            continue
        denied += 1
        for group, (one, each), mine in zip(groups, single, split, strict=True):
            if one == 0:
                assert mine == each, group
            else:
                assert {clause[0] for clause in mine} == {1}, group
                assert {clause[3] for clause in mine if clause[3]} <= {c[3] for c in each}, group
        # All record what a look records: the clock's steps back.
        assert held(raw, keys_of) == looked
        assert looked == before or not ids
    assert allowed > 100
    assert denied > 100
