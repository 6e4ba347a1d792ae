"""Disturbances of what is held: policies, memory, clocks, and all of it at once."""

from __future__ import annotations

import json

from soak.load import POLICIES
from soak.pair import told
from soak.scene import Disturb, Scene
from support import replication
from support.policies import dump
from support.resp import Argument, Failure, Status

STEPS_MS = (-2 * 3_600_000, -70_000, -500, 350, 20_000, 400_000, 2 * 3_600_000)

CLAUSES: tuple[tuple[Argument, ...], ...] = (
    ("FIXED", 100, "1m"),
    ("SLIDING", 1_000, "1h"),
    ("LOG", 50, "1m"),
    ("TOKEN", 20, 10, "1s"),
    ("LEAKY", 5, 1, "1s"),
)
BESIDE: tuple[tuple[Argument, ...], ...] = (
    ("LEASE", 3, "30s"),
    ("SHADOW", "FIXED", 3, "1m"),
    ("SHADOW", "LOG", 50, "5s"),
    ("BAN", 2, "1m", "5s", "1h"),
)


def set_policies(scene: Scene) -> None:
    """Have a policy of each name, so that there is something to lose."""
    with scene.pair.primary.raw() as connection:
        replies = connection.pipeline(
            [("RL.POLICY", "SET", name, *CLAUSES[0]) for name in POLICIES]
        )
    assert replies == [Status("OK")] * len(POLICIES), replies
    scene.ledger.policies = dump(scene.pair.primary)


def change_policies(scene: Scene) -> None:
    """Set, replace, load and delete policies, with calls in between."""
    pick = scene.random.choice
    primary = scene.pair.primary
    for name in POLICIES:
        clauses = scene.random.sample(CLAUSES, scene.random.randrange(1, 4))
        clauses += scene.random.sample(BESIDE, scene.random.randrange(3))
        words = [word for clause in clauses for word in clause]
        file = json.dumps({name: [" ".join(map(str, clause)) for clause in clauses]})
        change: tuple[Argument, ...] = pick(
            (("SET", name, *words), ("SET", name, *words), ("LOAD", file), ("DEL", name))
        )
        with primary.raw() as connection:
            reply = connection("RL.POLICY", *change)
        assert not isinstance(reply, Failure), reply
        scene.load.burst()
    scene.ledger.policies = dump(primary)


def fill_memory(scene: Scene) -> None:
    """Have no memory for anything new for some bursts."""
    pair = scene.pair
    pair.set(pair.primary, "maxmemory-policy", "noeviction")
    pair.set(pair.primary, "maxmemory", 1)
    scene.load.burst(3)
    pair.set(pair.primary, "maxmemory", 0)
    scene.load.burst()


def evict(scene: Scene) -> None:
    """Have the server evict keys for some bursts, counted ones as well."""
    pair = scene.pair
    pair.set(
        pair.primary,
        "maxmemory-policy",
        scene.random.choice(("allkeys-random", "allkeys-lru", "volatile-ttl", "volatile-lfu")),
    )
    used = told(pair.primary, "memory", "used_memory")
    pair.set(pair.primary, "maxmemory", max(1, used - scene.random.randrange(50_000)))
    scene.load.burst(3)
    pair.set(pair.primary, "maxmemory", 0)
    scene.ledger.adopt(pair.primary)


def flush(scene: Scene) -> None:
    """Remove all keys. The replica follows before anything else: it could take over without."""
    command = scene.random.choice(("FLUSHALL", "FLUSHALL ASYNC", "FLUSHALL SYNC", "FLUSHDB"))
    scene.pair.primary.client().execute_command(*command.split())
    scene.ledger.flushed()
    replication.wait_in_sync(*scene.pair.both)
    scene.load.burst()


def move_clocks(scene: Scene) -> None:
    """Move both clocks, each by itself."""
    for server in scene.pair.both:
        server.clock.advance(scene.random.choice(STEPS_MS))
        scene.load.burst()


CONTENTS: dict[str, Disturb] = {
    "change policies": change_policies,
    "move the clocks": move_clocks,
    "fill memory": fill_memory,
    "evict": evict,
    "flush": flush,
}
