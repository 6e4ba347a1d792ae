"""Random calls of leases and steps of the clock, held to one who goes through all leases.

The core's own tests take a million such steps; this holds the whole way through a server, with what
INFO counts and what replicas and files hold.
"""

from __future__ import annotations

import random

import pytest

from support import replication
from support.histories import assert_same_on_replica, state
from support.places import Places
from support.pool import NewServer
from support.resp import Argument, RawConnection, Reply
from support.verdicts import clauses, integers

pytestmark = pytest.mark.all_servers

KEYS = ("a", "b")
NAMES = tuple(f"{letter}{'x' * (7 * number)}" for number, letter in enumerate("abcdefg"))
LIMITS = (0, 1, 2, 3, 5, 5, 5, 8)
PLACES = (0, 1, 1, 1, 1, 2, 3, 9)
DURATIONS = (1, 90, 400, 1_000, 2_500)
STEPS_MS = (0, 1, 7, 90, 310, 900, -1, -40, -150, -2_000)
STEPS = 6_000


def one_call(
    rng: random.Random, model: Places, key: str, now: int
) -> tuple[list[Argument], object]:
    """A call, and what the model answers."""
    pick = rng.choice
    kind = pick(("lease", "lease", "lease", "clause", "clause", "renew", "release"))
    if kind in ("renew", "release"):
        names = [pick(NAMES) for _ in range(pick((1, 1, 2, 3, 150)))]
        if kind == "release":
            return ["RL.RELEASE", key, *names], model.release(now, names)
        duration = pick(DURATIONS)
        return ["RL.RENEW", key, f"{duration}ms", *names], model.renew(now, duration, names)
    name, limit, duration, places = pick(NAMES), pick(LIMITS), pick(DURATIONS), pick(PLACES)
    if kind == "lease":
        call: list[Argument] = ["RL.LEASE", key, limit, f"{duration}ms", name, "COST", places]
        return call, model.ask(now, name, limit, duration, places)
    call = ["RL.LIMIT", key, "LEASE", limit, f"{duration}ms", "COST", places, "ID", name]
    return call, model.ask(now, name, limit, duration, min(places, 1))


def answered(call: list[Argument], reply: Reply) -> object:
    """The reply as the model puts it."""
    if isinstance(reply, int):
        return reply
    if call[0] == "RL.LEASE":
        return integers(reply)
    allowed, [verdict] = clauses(reply)
    assert allowed == verdict[0]
    return verdict


def counted(raw: RawConnection) -> tuple[int, int]:
    """What INFO counts of leases: released, ended."""
    text = raw("INFO", "ratelimit")
    assert isinstance(text, bytes)
    pairs = dict(line.split(":") for line in text.decode().split() if ":" in line)
    names = ("ratelimit_leases_released", "ratelimit_leases_ended")
    released, ended = (int(pairs[name]) for name in names)
    return released, ended


@pytest.mark.parametrize("seed", range(2))
def test_a_server_answers_as_the_model(new_server: NewServer, seed: int) -> None:
    server = new_server(config={"appendonly": "yes", "appendfsync": "no"})
    replica = new_server()
    replica.clock.advance(3_600_000)
    replication.attach(replica, server)
    rng = random.Random(seed)
    models = {key: Places() for key in KEYS}
    with server.raw() as raw:
        raw("DEBUG", "SET-ACTIVE-EXPIRE", 0)
        for step in range(STEPS):
            server.clock.advance(rng.choice(STEPS_MS))
            now = server.clock.now_ms()
            for key in KEYS:
                if raw("EXISTS", key) == 0:
                    # It was released or expired, which takes no place from anybody.
                    assert models[key].forget(now), f"step {step}: {key} is gone"
            keys = [rng.choice(KEYS) for _ in range(rng.choice((1, 2, 4)))]
            asked = [one_call(rng, models[key], key, now) for key in keys]
            replies = raw.pipeline([call for call, _ in asked])
            for (call, expected), reply in zip(asked, replies, strict=True):
                assert answered(call, reply) == expected, f"step {step}: {call}"
            if step % 1_000 == 999:
                assert_same_on_replica(server, replica)
        kept = state(server)
        raw("DEL", *KEYS)
        for model in models.values():
            model.forget(server.clock.now_ms())
        released = sum(model.released for model in models.values())
        ended = sum(model.ended for model in models.values())
        assert counted(raw) == (released, ended)
        assert min(released, ended) > 300, "which shows nothing"
        assert len(kept) <= len(KEYS)
