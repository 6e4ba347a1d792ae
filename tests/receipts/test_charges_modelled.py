"""Random calls with ids, settles and steps of the clock, held to a model of FIXED windows.

The core's own tests hold every algorithm to a reference; this holds the whole way through a server.
"""

from __future__ import annotations

import random
from collections import Counter

import pytest

from support.pool import NewServer
from support.resp import Argument, Failure, RawConnection, Reply
from support.verdicts import clauses
from support.windows import ANOTHER_CALL, MOST, Windows

pytestmark = pytest.mark.all_servers

KEYS = ("a", "b")
PERIODS = (300, 1_000, 2_500)
LIMITS = (0, 3, 10, 40, MOST)
COSTS = (0, 1, 1, 2, 7, 30, MOST)
KEEPS = (1, 250, 1_500, 60_000)
NAMES = ("x", "y" * 17, "z", "u", "v")
STEPS_MS = (0, 1, 7, 90, 310, 900, -1, -40, -150)
RECEIPTS_MAX = 3
STEPS = 10_000


def told(raw: RawConnection) -> dict[str, int]:
    """What INFO counts of charges."""
    text = raw("INFO", "ratelimit")
    assert isinstance(text, bytes)
    pairs = (line.split(":") for line in text.decode().split() if ":" in line)
    counts = {name.removeprefix("ratelimit_"): int(number) for name, number in pairs}
    names = ("repeats", "settled_less", "settled_more", "settled_unknown", "receipts_dropped")
    return {name: counts[name] for name in names}


def one_call(
    rng: random.Random, model: Windows, key: str, now: int
) -> tuple[list[Argument], object]:
    """A call or a settle, and what the model answers."""
    if rng.random() < 0.4:
        name, cost = rng.choice(NAMES), rng.choice(COSTS)
        return ["RL.SETTLE", key, name, cost], model.settle(now, name, cost)
    periods = rng.sample(PERIODS, rng.choice((1, 1, 2)))
    limits = {period: rng.choice(LIMITS) for period in periods}
    words: list[Argument] = [w for p, n in limits.items() for w in ("FIXED", n, f"{p}ms")]
    cost = rng.choice(COSTS)
    call = ["RL.LIMIT", key, *words, "COST", cost]
    if rng.random() < 0.3:
        return call, model.call(now, limits, cost)
    name, keep = rng.choice(NAMES), rng.choice(KEEPS)
    return [*call, "ID", name, "KEEP", f"{keep}ms"], model.call(now, limits, cost, name, keep)


def answered(reply: Reply) -> object:
    """The reply as the model puts it."""
    if isinstance(reply, Failure):
        assert reply.text.endswith("names another call"), reply
        return ANOTHER_CALL
    return reply if isinstance(reply, int) else clauses(reply)[1]


@pytest.mark.parametrize("seed", range(2))
def test_a_server_answers_as_the_model(new_server: NewServer, seed: int) -> None:
    server = new_server(module_args=["receipts-max", str(RECEIPTS_MAX)])
    rng = random.Random(seed)
    models = {key: Windows(RECEIPTS_MAX) for key in KEYS}
    with server.raw() as raw:
        # Keys go when they are asked for, not when the server's timer sees a clock that steps.
        raw("DEBUG", "SET-ACTIVE-EXPIRE", 0)
        for step in range(STEPS):
            server.clock.advance(rng.choice(STEPS_MS))
            now = server.clock.now_ms()
            keys = [rng.choice(KEYS) for _ in range(rng.choice((1, 2, 4)))]
            asked = [one_call(rng, models[key], key, now) for key in keys]
            replies = raw.pipeline([call for call, _ in asked])
            for (call, expected), reply in zip(asked, replies, strict=True):
                assert answered(reply) == expected, f"step {step}: {call}"
        counted: Counter[str] = sum((model.counts for model in models.values()), start=Counter())
        assert told(raw) == dict(counted)
        assert min(counted.values()) > 150, "which shows nothing"
