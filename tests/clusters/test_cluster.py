"""In a real cluster: keys on all slots, clients that follow them, slots that move."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from support.cluster import (
    DEADLINE_S,
    PRIMARIES,
    RANGES,
    SLOTS,
    Cluster,
    Load,
    asked,
    held,
    holds,
    keys_in,
    of_all,
    slot_of,
    tags,
    used,
)
from support.eventually import eventually
from support.expiry import given_ms
from support.kinds import Kind
from support.resp import Argument, Failure, Status
from support.server import Server
from support.slot_moves import begin_to_move_and_give_up, move_slots
from support.verdicts import clauses, integers, rows

pytestmark = [pytest.mark.all_servers, pytest.mark.timeout(600)]

PLENTY = 10**6

CHARGING: tuple[tuple[Argument, ...], ...] = (
    ("RL.FIXED", "k", 10, "1d"),
    ("RL.SLIDING", "k", 10, "1d", "COST", 2),
    ("RL.LOG", "k", 10, "1d"),
    ("RL.TOKEN", "k", 10, 1, "1d"),
    ("RL.LEAKY", "k", 10, 1, "1d"),
    ("RL.LIMIT", "k", "FIXED", 10, "1d", "TOKEN", 10, 1, "1d", "COST", 2),
    ("RL.THROTTLE", "k", 9, 1, "1d"),
    ("CL.THROTTLE", "k", 9, 1, "1d"),
)


def assert_counted(cluster: Cluster, load: Load, limits: dict[str, int]) -> None:
    """Fail unless each key counts what clients were told is allowed, and its replica holds it."""
    for key, limit in limits.items():
        primary = cluster.owner(slot_of(key))
        replica = cluster.replica_of(primary)
        assert used(primary, key, limit) == [load.allowed[key]] * 5, key
        eventually(partial(holds, replica, key, held(primary, key)))


def test_every_slot_is_served_by_its_node_alone(cluster: Cluster) -> None:
    keys = keys_in(range(SLOTS))
    moved = [
        Failure(f"MOVED {slot} 127.0.0.1:{node.port}")
        for node, slots in zip(cluster.nodes, RANGES, strict=False)
        for slot in slots
    ]
    for node, slots in zip(cluster.nodes, RANGES, strict=False):
        with node.raw() as connection:
            replies = connection.pipeline([("RL.FIXED", key, 10, "1d") for key in keys])
        assert {tuple(integers(replies[slot])[:3]) for slot in slots} == {(1, 10, 9)}
        wrong = [
            (slot, reply)
            for slot, reply in enumerate(replies)
            if slot not in slots and reply != moved[slot]
        ]
        assert wrong == []
        assert node.client().dbsize() == len(slots)


def test_a_client_of_clusters_finds_the_node_of_every_command(cluster: Cluster) -> None:
    client = cluster.client()
    for name, _key, *numbers in CHARGING:
        for key in keys_in(range(0, SLOTS, SLOTS // 8), str(name)):
            reply = client.execute_command(name, key, *numbers)
            assert reply[0] == (0 if "THROTTLE" in str(name) else 1), reply
            assert len(client.execute_command("RL.PEEK", key)) > 0
    assert cluster.errors("MOVED") == 0, "the client had to be told where a key is"


def test_a_replica_answers_looks_and_sends_calls_to_its_primary(cluster: Cluster) -> None:
    primary, replica = cluster.nodes[0], cluster.nodes[PRIMARIES]
    key = keys_in([7])[0]
    moved = Failure(f"MOVED 7 127.0.0.1:{primary.port}")
    assert cluster.call("RL.FIXED", key, 10, "1d", "COST", 3) is not None
    with replica.raw() as connection:
        assert connection("RL.PEEK", key) == moved
        assert connection("READONLY") == Status("OK")
        eventually(lambda: rows(connection("RL.PEEK", key)))
        assert rows(connection("RL.PEEK", key))[0][4] == 7
        assert connection("RL.FIXED", key, 10, "1d") == moved
        assert connection("RL.FIXED", key, 10, "1d", "COST", 0) == moved


def test_a_hash_tag_puts_keys_into_one_slot_and_nothing_else_does(cluster: Cluster) -> None:
    script = "return {redis.call('RL.FIXED', KEYS[1], 5, '1d'), redis.call('RL.PEEK', KEYS[2])}"
    same, other = keys_in([100, 100], "a")[0], keys_in([101], "b")[0]
    with cluster.owner(100).raw() as connection:
        reply = connection("EVAL", script, 2, same, keys_in([100], "b")[0])
        assert isinstance(reply, list)
        assert integers(reply[0])[:3] == [1, 5, 4]
        assert connection("MULTI") == Status("OK")
        for key in (same, keys_in([100], "b")[0]):
            assert connection("RL.FIXED", key, 5, "1d") == Status("QUEUED")
        executed = connection("EXEC")
        assert isinstance(executed, list)
        assert [integers(each)[2] for each in executed] == [3, 4]
        refused = connection("EVAL", script, 2, same, other)
        assert isinstance(refused, Failure)
        assert refused.text.startswith("CROSSSLOT")


def test_a_slot_on_its_way_is_asked_for_where_the_key_is(cluster: Cluster) -> None:
    source, target = cluster.owner(42), cluster.owner(SLOTS - 1)
    first, second = (f"{{{tags()[42]}}}{name}" for name in ("first", "second"))
    with source.raw() as here, target.raw() as there:
        here("RL.FIXED", first, 10, "1d", "COST", 2)
        expires_at = here("PEXPIRETIME", first)
        ask = Failure(f"ASK 42 127.0.0.1:{target.port}")
        stages: list[list[int]] = []

        def look() -> None:
            """A key that is still here is charged here, another one there if so asked."""
            reply = here("RL.FIXED", first, 10, "1d")
            if reply == ask:
                refused = there("RL.FIXED", first, 10, "1d")
                assert refused == Failure(f"MOVED 42 127.0.0.1:{source.port}")
                there("ASKING")
                reply = there("RL.FIXED", first, 10, "1d")
            stages.append(integers(reply)[:3])
            assert here("RL.FIXED", second, 10, "1d") == ask
            there("ASKING")
            assert integers(there("RL.FIXED", second, 10, "1d"))[0] == 1

        cluster.migrate_slot(42, target, look)
        assert stages == [[1, 10, 7], [1, 10, 6]]
        # MIGRATE tells what is left to live, so its own time is added.
        assert isinstance(expires_at, int)
        assert 0 <= cluster.nodes[2].client().pexpiretime(first) - expires_at < 60_000
        assert integers(there("RL.FIXED", first, 10, "1d"))[:3] == [1, 10, 5]
        assert integers(there("RL.FIXED", second, 10, "1d"))[:3] == [1, 10, 7]


def by_hand(cluster: Cluster, load: Load, target: Server) -> None:
    """Move each slot with a turn of the clients between any two of its keys."""
    for slot in range(4):
        cluster.migrate_slot(slot, target, partial(load.wait_for, 1))


def by_redis_cli(cluster: Cluster, _load: Load, target: Server) -> None:
    """Move slots as an operator does."""
    cluster.reshard(cluster.owner(0), target, 64)


def by_the_server(cluster: Cluster, load: Load, target: Server) -> None:
    """Let the servers move the slots as a whole, after an attempt that is given up."""
    source = cluster.owner(0)
    begin_to_move_and_give_up(source, target, range(64))
    load.wait_for(2)
    assert cluster.owner(0) == source
    move_slots(source, target, range(64))
    eventually(lambda: cluster.owner(0) == target)


@pytest.fixture
def moves_slots(kind: Kind) -> Kind:
    """The kind of server, if it moves slots by itself."""
    if not kind.moves_slots:
        pytest.skip(f"{kind.name} does not move slots by itself")
    return kind


Way = Callable[[Cluster, Load, Server], None]


@pytest.fixture(params=[by_hand, by_redis_cli, by_the_server])
def way(request: pytest.FixtureRequest) -> Way:
    """A way to move slots."""
    if request.param is by_the_server:
        request.getfixturevalue("moves_slots")
    chosen: Way = request.param
    return chosen


def test_slots_that_move_under_load_lose_no_count(way: Way, cluster: Cluster) -> None:
    source, target = cluster.owner(0), cluster.owner(SLOTS - 1)
    # The first are counted; the others come to their end while they move, or soon after.
    counted = dict.fromkeys(keys_in(range(4), "counted"), PLENTY)
    ending = dict.fromkeys(keys_in(range(4), "ending"), 120)
    limits = {**counted, **ending}
    with Load(cluster, [of_all(key, limit) for key, limit in limits.items()]) as load:
        load.wait_for(5)
        way(cluster, load, target)
        load.wait_for(5)
        eventually(lambda: all(load.allowed[key] >= 120 for key in limits), DEADLINE_S)
        load.wait_for(5)
    assert {cluster.owner(slot) for slot in range(4)} == {target} != {source}
    assert_counted(cluster, load, limits)
    assert {load.allowed[key] for key in ending} == {120}, "more was admitted than the limit"
    for key, limit in limits.items():
        assert clauses(cluster.call(*of_all(key, limit)))[0] == (key in counted)
        # The buckets take longest: five days for each token that is out.
        expires_in_ms = cluster.call("PTTL", key)
        longest_ms = used(target, key, limit)[-1] * 5 * 86_400_000
        assert isinstance(expires_in_ms, int)
        assert longest_ms - 300_000 < expires_in_ms <= given_ms(longest_ms)
    if way is by_hand:
        assert cluster.errors("ASK") > 0, "no client met a slot on its way"


def test_slots_move_to_a_node_whose_default_user_may_not_receive_them(
    cluster: Cluster,
) -> None:
    source, target = cluster.owner(42), cluster.owner(SLOTS - 1)
    key = keys_in([42])[0]
    cluster.call(*of_all(key, 10))
    state = held(source, key)
    asked(target, "ACL", "SETUSER", "default", "-restore", "-restore-asking", "-rl.apply")
    asked(target, "ACL", "SETUSER", "mover", "on", ">pw", "~*", "+restore-asking", "+select")

    source_id, target_id = cluster.id_of(source), cluster.id_of(target)
    asked(target, "CLUSTER", "SETSLOT", 42, "IMPORTING", source_id)
    asked(source, "CLUSTER", "SETSLOT", 42, "MIGRATING", target_id)
    migrate = ("MIGRATE", "127.0.0.1", target.port, "", 0, 20_000)
    with source.raw() as connection:
        refused = connection(*migrate, "KEYS", key)
        assert isinstance(refused, Failure)
        assert "NOPERM" in refused.text
        assert held(source, key) == state
        assert connection(*migrate, "AUTH2", "mover", "pw", "KEYS", key) == Status("OK")
    for node in (target, source):
        asked(node, "CLUSTER", "SETSLOT", 42, "NODE", target_id)
    assert held(target, key)[0] == state[0]


def test_slots_that_the_servers_move_need_rights_on_a_valkey_alone(
    moves_slots: Kind, cluster: Cluster
) -> None:
    source, target = cluster.owner(43), cluster.owner(SLOTS - 1)
    key = keys_in([43])[0]
    cluster.call(*of_all(key, 10))
    state = held(source, key)
    for node in (source, target):
        asked(node, "ACL", "SETUSER", "default", "-restore", "-rl.apply", "-psync", "-pexpireat")
    move_slots(source, target, range(43, 44))
    if moves_slots.is_valkey:
        eventually(lambda: b"failed" in asked(source, "CLUSTER", "GETSLOTMIGRATIONS")[0])
        assert held(source, key) == state
        rights = ("+cluster|syncslots", "+select", "+pexpireat", "+rl.apply", "+restore")
        asked(target, "ACL", "SETUSER", "mover", "on", ">pw", "~*", *rights)
        for name, value in (("primaryuser", "mover"), ("primaryauth", "pw")):
            asked(source, "CONFIG", "SET", name, value)
        move_slots(source, target, range(43, 44))
    eventually(lambda: cluster.owner(43) == target)
    assert held(target, key) == state
