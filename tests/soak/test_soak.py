"""The soak, once through all of its disturbances; and what it is there to notice, it notices."""

from __future__ import annotations

import pytest

from soak.checks import check, check_at_the_end
from soak.ledger import KEYS, Lost, counted
from soak.pair import CONFIG
from soak.run import DISTURBANCES, begin, soak
from soak.scene import Scene
from soak.storage import be_alone, begin_aof
from support.pool import NewServer
from support.resp import Failure


@pytest.mark.all_servers
@pytest.mark.timeout(600)
def test_each_disturbance_once(new_server: NewServer) -> None:
    figures = soak(lambda: new_server(config=CONFIG), 1, 0, print)
    assert figures["disturbances"] == len(DISTURBANCES)
    for name in (
        "counted",
        "unanswered",
        "refused",
        "effects_sent",
        "effects_unheard",
        "sync_full",
        "sync_partial_ok",
    ):
        assert figures[name] > 0, f"{name}: {figures}"


@pytest.fixture
def scene(new_server: NewServer) -> Scene:
    """Both servers, after some calls."""
    scene = begin(lambda: new_server(config=CONFIG), 2)
    scene.load.burst(3)
    check(scene)
    return scene


def test_a_replica_that_differs_is_noticed(scene: Scene) -> None:
    with scene.pair.replica.raw() as there:
        there("CONFIG", "SET", "replica-read-only", "no")
        assert not isinstance(there("RL.FIXED", "shared", 10**6, "366d"), Failure)
    with pytest.raises(AssertionError, match=r"the replica holds other keys.*shared"):
        check(scene)


def test_a_call_that_both_lost_is_noticed(scene: Scene) -> None:
    with scene.pair.primary.raw() as here:
        assert here("DEL", KEYS[0]) == 1
    with pytest.raises(Lost, match=KEYS[0]):
        check(scene)


def test_a_call_that_is_there_twice_is_noticed(scene: Scene) -> None:
    with scene.pair.primary.raw() as here:
        here(*counted(KEYS[1]))
    with pytest.raises(Lost, match=KEYS[1]):
        check(scene)


def test_policies_that_both_lost_are_noticed(scene: Scene) -> None:
    DISTURBANCES["change policies"](scene)
    with scene.pair.primary.raw() as here:
        here("RL.POLICY", "SET", "stray", "FIXED", 1, "1s")
    with pytest.raises(Lost, match="stray"):
        check(scene)


def test_an_aof_that_lacks_the_last_calls_is_noticed(scene: Scene) -> None:
    begin_aof(scene, scene.pair.primary)
    scene.load.burst()
    # What a server does that sends no effects: its AOF ends before them.
    files = sorted((scene.pair.primary.folder / "appendonlydir").glob("*.incr.aof"))
    sizes = [file.stat().st_size for file in files]
    scene.load.burst(2)
    scene.load.hang_up()
    scene.pair.kill(scene.pair.primary)
    for file, size in zip(files, sizes, strict=True):
        with file.open("r+b") as opened:
            opened.truncate(size)
    scene.pair.primary.start()
    with pytest.raises(Lost, match="counted"):
        scene.ledger.check(scene.pair.primary)


def test_what_is_equal_after_an_unheard_phase_is_equal_on_disk(scene: Scene) -> None:
    be_alone(scene)
    scene.pair.follow()
    check(scene)
    check_at_the_end(scene)
