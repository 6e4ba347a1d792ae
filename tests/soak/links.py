"""Disturbances of replication: links that break, roles that change, servers that are killed."""

from __future__ import annotations

import os
import signal
from functools import partial

from soak.pair import told
from soak.scene import Disturb, Scene
from support import replication


def break_link(scene: Scene, *, bursts: int, backlog: str) -> None:
    """Break the link while the replica sleeps, and wake it when it has missed some bursts."""
    pair = scene.pair
    scene.until_linked()
    pair.set(pair.primary, "repl-backlog-size", backlog)
    before = synchronisations(scene)
    os.kill(pair.replica.pid, signal.SIGSTOP)
    try:
        pair.primary.client().execute_command("CLIENT", "KILL", "TYPE", "replica")
        scene.load.burst(bursts)
    finally:
        os.kill(pair.replica.pid, signal.SIGCONT)
    scene.load.until(lambda: synchronisations(scene) > before and pair.is_linked())


def synchronisations(scene: Scene) -> int:
    """How often the primary brought a replica up to date, in part or in full."""
    names = ("sync_full", "sync_partial_ok")
    return sum(told(scene.pair.primary, "stats", name) for name in names)


def choose_way_of_copying(scene: Scene) -> None:
    """Have the next full copy go by disk or not, and be loaded aside or in place."""
    pair, pick = scene.pair, scene.random.choice
    pair.set(pair.primary, "repl-diskless-sync", pick(("yes", "no")))
    pair.set(pair.replica, "repl-diskless-load", pick(("disabled", "on-empty-db", "swapdb")))


def resync_in_full(scene: Scene) -> None:
    """Have the replica go astray and come back to a full copy."""
    pair = scene.pair
    pair.part()
    with pair.replica.raw() as connection:
        connection.pipeline([("RL.FIXED", f"astray:{n}", 5, "366d") for n in range(5)])
    scene.load.burst()
    choose_way_of_copying(scene)
    pair.follow()
    scene.until_linked()


def kill_replica_amid_a_copy(scene: Scene) -> None:
    """Kill the replica while it is sent a full copy."""
    pair = scene.pair
    pair.part()
    scene.load.burst()
    choose_way_of_copying(scene)
    with scene.slow_children(pair.primary):
        pair.follow()
        scene.load.burst(scene.random.randrange(1, 8))
        pair.kill(pair.replica)
    scene.load.burst()
    scene.start(pair.replica)
    scene.until_linked()


def kill_replica(scene: Scene) -> None:
    """Kill the replica; it comes back by what it has on disk and what the primary sends."""
    pair = scene.pair
    pair.kill(pair.replica)
    scene.load.burst(scene.random.randrange(5))
    scene.start(pair.replica)
    scene.until_linked()


def promote(scene: Scene) -> None:
    """Hand the primary's role over, as for maintenance: nothing may be lost."""
    pair = scene.pair
    scene.until_linked()
    replication.wait_in_sync(pair.primary, pair.replica)
    scene.load.hang_up()
    pair.swap()
    scene.load.turn_to(pair.primary)
    scene.ledger.check(pair.primary)
    scene.until_linked()


def fail_over(scene: Scene) -> None:
    """Kill the primary amid calls and promote the replica, which may lack the last of them."""
    pair = scene.pair
    scene.until_linked()
    old = pair.primary
    scene.cut_off(old)
    pair.swap()
    scene.load.turn_to(pair.primary)
    scene.ledger.adopt(pair.primary)
    scene.load.burst(scene.random.randrange(5))
    scene.start(old)
    scene.until_linked()


LINKS: dict[str, Disturb] = {
    "break the link, come back by the backlog": partial(break_link, bursts=3, backlog="64mb"),
    "break the link, come back by a copy": partial(break_link, bursts=12, backlog="16kb"),
    "go astray, come back by a copy": resync_in_full,
    "kill the replica": kill_replica,
    "kill the replica amid a copy": kill_replica_amid_a_copy,
    "kill the primary": Scene.kill_primary,
    "promote the replica": promote,
    "kill the primary, promote the replica": fail_over,
}
