"""Bans held to one who counts by hand; and whoever waits as told is never banned."""

from __future__ import annotations

import heapq
import random
from collections import deque

import pytest

from support.pool import NewServer
from support.resp import Argument, Failure, RawConnection, Reply
from support.slow_ban import Numbers, SlowBan
from support.told import told
from support.verdicts import clauses

pytestmark = pytest.mark.all_servers

STEPS_MS = (0, 0, 1, 3, 10, 25, 60, -1, -8, -40)
STEPS = 6_000

Words = list[Argument]


def limits(rng: random.Random) -> list[Words]:
    """One limit or two that refuse now and then."""
    all_of_them: list[Words] = [
        ["FIXED", rng.choice((0, 1, 3)), f"{rng.choice((20, 50))}ms"],
        ["TOKEN", 2, 1, "25ms"],
        ["LEAKY", 3, 2, "40ms"],
        ["LOG", 2, "30ms"],
        ["SLIDING", 2, "40ms"],
    ]
    return rng.sample(all_of_them, rng.choice((1, 1, 2)))


def numbers(rng: random.Random) -> Numbers:
    """Those of a BAN."""
    ban = rng.randint(1, 40)
    return Numbers(rng.randint(1, 4), rng.randint(1, 60), ban, ban + rng.choice((0, 9, 100)))


class Group:
    """What is asked of one key."""

    def __init__(self, rng: random.Random, key: str) -> None:
        self.key = key
        self.limits = limits(rng)
        self.cost = rng.choice((0, 1, 1, 1, 1, 1, 2, 9))
        self.ban = numbers(rng) if rng.random() < 0.85 else None
        self.has_lease = rng.random() < 0.2
        lease: list[Words] = [["LEASE", 1, f"{rng.randint(1, 15)}ms"]] if self.has_lease else []
        ban: list[Words] = [list(self.ban.words)] if self.ban else []
        parts = [*self.limits, *lease, *ban]
        rng.shuffle(parts)
        self.order = [part[0] for part in parts]
        self.words: Words = [key, *(word for part in parts for word in part), "COST", self.cost]

    def take(self, verdicts: list[list[int]]) -> tuple[dict[str, list[int]], list[list[int]]]:
        """Its own verdicts by the words of the clauses, and those that are left."""
        count = len(self.order)
        return dict(zip(map(str, self.order), verdicts[:count], strict=True)), verdicts[count:]


def digests(raw: RawConnection) -> list[Reply]:
    """What the keys hold."""
    reply = raw("DEBUG", "DIGEST-VALUE", "k", "j")
    assert isinstance(reply, list)
    return reply


@pytest.mark.parametrize("seed", range(3))
def test_bans_are_those_of_one_who_counts_by_hand(new_server: NewServer, seed: int) -> None:
    server = new_server()
    rng = random.Random(seed)
    slow = {key: SlowBan() for key in "kj"}
    waits, latest, started = [1], 0, 0
    charges: deque[tuple[list[Group], Words]] = deque(maxlen=3)
    seen = {"counted": 0, "banned": 0, "repeats": 0, "moves": 0}
    with server.raw() as raw:
        for key in slow:
            # The key does not expire, whatever the clock does.
            raw("RL.FIXED", key, 9, "1d")
        for step in range(STEPS):
            server.clock.advance(
                rng.choice((waits[-1], waits[-1] - 1))
                if rng.random() < 0.2
                else rng.choice(STEPS_MS)
            )
            now = server.clock.now_ms()
            keys = rng.sample("kj", rng.choice((1, 1, 1, 2)))
            groups = [Group(rng, key) for key in keys]
            ending: Words = []
            if any(group.has_lease for group in groups) or rng.random() < 0.2:
                ending = ["ID", rng.choice("abcdef"), "KEEP", f"{rng.randint(1, 50)}ms"]
                charges.append((groups, ending))
            if len(groups) == 1 and charges and rng.random() < 0.15:
                groups, ending = rng.choice(charges)
                keys = [group.key for group in groups]
            words = [word for group in groups for word in ("AND", *group.words)][1:]
            before, held = told(raw), digests(raw)
            reply = raw("RL.ALL" if len(keys) > 1 else "RL.LIMIT", *words, *ending)
            after = told(raw)
            if isinstance(reply, Failure):
                assert "names another call" in reply.text
                continue
            at = ("step", step, now, words, ending, reply)
            repeats = after["repeats"] - before["repeats"]
            if repeats and len(keys) > 1:
                # Which of the keys knew the id is not told: the core's tests know.
                started += after["bans_started"] - before["bans_started"]
                for group in groups:
                    raw("DEL", group.key)
                    slow[group.key] = SlowBan(started=slow[group.key].started)
                    raw("RL.FIXED", group.key, 9, "1d")
                continue
            allowed, verdicts = clauses(reply)
            asked = []
            for group in groups:
                own, verdicts = group.take(verdicts)
                asked.append((group, own))
            barred = [g.ban is not None and slow[g.key].left(now) > 0 for g, _ in asked]
            wanted_writes = 0
            for group, own in asked:
                model = slow[group.key]
                refusing = [
                    own[str(name[0])][3] for name in group.limits if not own[str(name[0])][0]
                ]
                if group.ban and model.is_ahead(now) and not repeats:
                    model.step_back(now)
                    seen["moves"] += 1
                    wanted_writes += 1
                if group.ban and refusing and group.cost and not any(barred) and not repeats:
                    longest = max(group.ban.period if wait < 0 else wait for wait in refusing)
                    counted = len(model.counted), model.started
                    model.refuse(longest, group.ban, now)
                    seen["counted"] += counted != (len(model.counted), model.started)
                    wanted_writes += 1
                if group.ban:
                    expected = model.verdict(group.ban, now)
                    if repeats:
                        expected[0], expected[3] = 1, 0
                    assert own["BAN"] == expected, at
            if any(barred) and not repeats:
                seen["banned"] += 1
                assert allowed == 0, at
            seen["repeats"] += repeats
            writes = sum(after[name] - before[name] for name in ("effects_sent", "effects_unheard"))
            for key, model, was, is_now in zip(
                slow, slow.values(), held, digests(raw), strict=True
            ):
                if was != is_now:
                    assert key in keys, at
                    model.written(now)
            assert after["bans_started"] == started + sum(m.started for m in slow.values()), at
            if not allowed and not repeats and now >= latest:
                # Refusals are all that a denied call writes, but for moves of rule 4.
                assert writes == wanted_writes, at
            latest = max(latest, now)
            waits = [
                max([1, *(own[name][3] for _, own in asked for name in own if not own[name][0])])
            ]
    assert seen["counted"] > 100, seen
    assert seen["banned"] > 300, seen
    assert seen["moves"] > 50, seen
    assert seen["repeats"] > 20, seen
    assert sum(model.started for model in slow.values()) > 50, seen


@pytest.mark.parametrize("seed", range(2))
def test_who_waits_as_told_is_never_banned(new_server: NewServer, seed: int) -> None:
    """Forty callers, each at a key of its own, who share places that they do not get."""
    server = new_server()
    rng = random.Random(seed)
    start = server.clock.now_ms()
    queue = [(start + rng.randint(0, 50), number) for number in range(40)]
    heapq.heapify(queue)
    refused = 0
    with server.raw() as raw:
        for _ in range(8_000):
            now, number = heapq.heappop(queue)
            server.clock.set_ms(now)
            group = Group(rng, f"caller:{number}")
            ban = Numbers(1, rng.randint(1, 60), rng.randint(1, 9), 1_000)
            place: Words = ["LEASE", rng.choice((0, 1)), "7ms"] if group.has_lease else []
            words: Words = [
                group.key,
                *ban.words,
                *(w for one in group.limits for w in one),
                *place,
            ]
            ending: Words = ["COST", group.cost, "ID", f"{rng.randrange(10**9)}", "KEEP", "9ms"]
            reply = raw("RL.LIMIT", *words, *ending)
            allowed, verdicts = clauses(reply)
            assert verdicts[0][0] == 1, ("banned", words, reply)
            assert verdicts[0][2] == 1, ("counted", words, reply)
            told_ms = [v[3] if v[3] >= 0 else ban.period for v in verdicts if not v[0]]
            refused += 1 - allowed
            after = max(told_ms) + rng.choice((0, 0, 1, 30)) if told_ms else rng.choice((0, 1, 9))
            heapq.heappush(queue, (now + after, number))
        assert told(raw)["bans_started"] == 0
    assert refused > 2_000


def test_who_comes_a_millisecond_too_early_is_banned(new_server: NewServer) -> None:
    """The property above would not hold for those who wait a little less."""
    server = new_server()
    with server.raw() as raw:
        line: Words = ["RL.LIMIT", "k", "FIXED", 1, "50ms", "BAN", 1, "1s", "1s"]
        assert clauses(raw(*line))[0] == 1
        for early in (0, 0, 1):
            reply: Reply = raw(*line)
            allowed, [limit, ban] = clauses(reply)
            assert (allowed, ban[0], ban[2]) == (0, 1, 1)
            server.clock.advance(limit[3] - early)
            if not early:
                assert clauses(raw(*line))[0] == 1
        assert clauses(raw(*line))[1][1] == [0, 1, 0, 1_000, 2_000]
