"""What must hold: equal on both servers, and after a restart from disk."""

from __future__ import annotations

from soak.pair import keeps_aof
from soak.scene import Scene
from soak.storage import begin_aof
from support.histories import State, assert_same, assert_same_on_replica, state
from support.server import Server


def check(scene: Scene) -> None:
    """Fail unless both hold the same, and all that was answered."""
    scene.until_linked()
    scene.pair.stand()
    equal(scene)
    scene.pair.run_clocks()


def check_at_the_end(scene: Scene) -> None:
    """Fail unless both hold the same now, and each by itself again from AOF and from RDB."""
    pair = scene.pair
    scene.until_linked()
    for server in pair.both:
        if not keeps_aof(server):
            begin_aof(scene, server)
    scene.until_linked()
    for server in pair.both:
        scene.wait_for_no_child(server)
    scene.load.hang_up()
    pair.stand()
    expected = equal(scene)
    now_ms = pair.primary.clock.now_ms()
    pair.replica.clock.set_ms(now_ms)
    pair.replica.config.pop("replicaof")
    for server in pair.both:
        pair.kill(server)
    for server in pair.both:
        server.start()
        same(scene, server, expected, "AOF")
        server.client().save()
        pair.count(server)
        server.kill9()
        server.config["appendonly"] = "no"
        server.start()
        same(scene, server, expected, "RDB")


def equal(scene: Scene) -> State:
    """Fail unless both hold the same; answer what."""
    primary, replica = scene.pair.both
    expected = assert_same_on_replica(primary, replica)
    for server in (primary, replica):
        scene.ledger.check(server)
    return expected


def same(scene: Scene, server: Server, expected: State, source: str) -> None:
    """Fail unless a server that was restarted from a source holds what is expected."""
    assert_same(state(server), expected, f"port {server.port}, back from its {source},")
    scene.ledger.check(server)
