"""Disturbances of what is kept on disk, and phases in which nobody hears the effects."""

from __future__ import annotations

from soak.links import choose_way_of_copying
from soak.pair import keeps_aof, told
from soak.scene import Disturb, Scene
from support.server import Server


def begin_aof(scene: Scene, server: Server) -> None:
    """Switch the AOF on; only when its first file is whole would a restart read it."""
    server.client().config_set("appendonly", "yes")
    scene.until_idle(server)
    server.config["appendonly"] = "yes"


def end_aof(scene: Scene, server: Server) -> None:
    """Switch the AOF off."""
    scene.pair.set(server, "appendonly", "no")
    scene.load.burst()


def flip_aof_of_primary(scene: Scene) -> None:
    """Switch the primary's AOF on or off."""
    flip_aof(scene, scene.pair.primary)


def flip_aof_of_replica(scene: Scene) -> None:
    """Switch the replica's AOF on or off."""
    scene.until_linked()
    flip_aof(scene, scene.pair.replica)


def flip_aof(scene: Scene, server: Server) -> None:
    """Switch an AOF on or off."""
    (end_aof if keeps_aof(server) else begin_aof)(scene, server)


def rewrite(scene: Scene) -> None:
    """Have both AOFs written anew under load, with and without the preamble."""
    for server in scene.pair.both:
        begin_rewrite(scene, server)
        scene.until_idle(server)


def begin_rewrite(scene: Scene, server: Server) -> None:
    """Have an AOF written anew, which is switched on if it is not."""
    if not keeps_aof(server):
        begin_aof(scene, server)
    scene.until_idle(server)
    scene.pair.set(server, "aof-use-rdb-preamble", scene.random.choice(("yes", "no")))
    server.client().execute_command("BGREWRITEAOF")


def kill_amid_rewrite(scene: Scene) -> None:
    """Kill the primary while its AOF is written anew, or just after."""
    primary = scene.pair.primary
    with scene.slow_children(primary):
        begin_rewrite(scene, primary)
        scene.load.burst(scene.random.randrange(1, 15))
    scene.kill_primary()


def kill_amid_pause(scene: Scene) -> None:
    """Kill the primary when its AOF was written anew while its clients may write nothing.

    A file without a preamble is where something could still wait to be written.
    """
    primary = scene.pair.primary
    if not keeps_aof(primary):
        begin_aof(scene, primary)
    scene.until_idle(primary)
    scene.pair.set(primary, "aof-use-rdb-preamble", "no")
    client = primary.client()
    client.execute_command("CLIENT", "PAUSE", 600_000, "WRITE")
    client.execute_command("BGREWRITEAOF")
    scene.wait_for_no_child(primary)
    scene.kill_primary()


def reload(scene: Scene) -> None:
    """Have the primary save and load all that it has."""
    primary = scene.pair.primary
    scene.until_idle(primary)
    primary.client().execute_command("DEBUG", "RELOAD")
    scene.ledger.check(primary)
    scene.until_linked()


def stop_and_start(scene: Scene) -> None:
    """Stop the primary as an operator does, with a save, and start it from that."""
    primary = scene.pair.primary
    if keeps_aof(primary):
        end_aof(scene, primary)
    scene.until_idle(primary)
    scene.load.hang_up()
    scene.pair.count(primary)
    scene.pair.set(primary, "save", "3600 1")
    primary.stop()
    scene.start(primary)
    scene.pair.set(primary, "save", "")
    scene.ledger.check(primary)
    scene.until_linked()


def restore_snapshot(scene: Scene) -> None:
    """Kill the primary after a save under load: what comes back is of the moment of the fork."""
    primary = scene.pair.primary
    scene.until_linked()
    if keeps_aof(primary):
        end_aof(scene, primary)
    scene.until_idle(primary)
    with scene.slow_children(primary):
        then = scene.ledger.copy()
        primary.client().bgsave()
        scene.load.burst(scene.random.randrange(1, 8))
    scene.until_idle(primary)
    scene.cut_off(primary)
    scene.start(primary)
    then.check(primary)
    scene.ledger.adopt(primary)
    scene.until_linked()


def be_alone(scene: Scene) -> None:
    """Go on without a replica and without an AOF until nobody hears the effects."""
    pair = scene.pair
    pair.part()
    if keeps_aof(pair.primary):
        end_aof(scene, pair.primary)
    # The backlog is given up by the wall clock.
    pair.primary.clock.advance(5_000)
    before = unheard(scene)
    scene.load.until(lambda: unheard(scene) > before)
    scene.load.burst(3)


def unheard(scene: Scene) -> int:
    """How many effects of the primary nobody could hear."""
    return told(scene.pair.primary, "ratelimit", "ratelimit_effects_unheard")


def come_back(scene: Scene) -> None:
    """Have the replica follow again."""
    choose_way_of_copying(scene)
    scene.pair.follow()
    scene.until_linked()


def unheard_then_replica(scene: Scene) -> None:
    """Let a replica be the first to hear."""
    be_alone(scene)
    come_back(scene)


def unheard_then_aof(scene: Scene) -> None:
    """Let an AOF be the first to hear, and trust it alone at once."""
    be_alone(scene)
    begin_aof(scene, scene.pair.primary)
    scene.load.burst()
    scene.kill_primary()
    come_back(scene)


def unheard_then_both(scene: Scene) -> None:
    """Let a replica come while the first AOF is written."""
    be_alone(scene)
    primary = scene.pair.primary
    with scene.slow_children(primary):
        primary.client().config_set("appendonly", "yes")
        scene.load.burst(2)
        scene.pair.follow()
        scene.load.burst(2)
    scene.until_idle(primary)
    primary.config["appendonly"] = "yes"
    scene.until_linked()
    scene.kill_primary()


STORAGE: dict[str, Disturb] = {
    "unheard, then a replica": unheard_then_replica,
    "unheard, then an AOF": unheard_then_aof,
    "unheard, then both": unheard_then_both,
    "flip the primary's AOF": flip_aof_of_primary,
    "flip the replica's AOF": flip_aof_of_replica,
    "rewrite the AOFs": rewrite,
    "kill the primary amid a rewrite": kill_amid_rewrite,
    "kill the primary amid a pause": kill_amid_pause,
    "reload": reload,
    "stop with a save and start": stop_and_start,
    "save, kill the primary": restore_snapshot,
}
