"""Named policies in a real cluster: set on every primary, and still there after a failover."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest

from support import replication
from support.cluster import (
    DEADLINE_S,
    PRIMARIES,
    RANGES,
    SLOTS,
    Cluster,
    ask,
    asked,
    held,
    holds,
    keys_in,
)
from support.eventually import eventually
from support.kinds import Kind
from support.policies import SAVES, PolicyFile, dump
from support.resp import Failure
from support.server import Server

pytestmark = [pytest.mark.all_servers, pytest.mark.timeout(600)]

API, SMS = ["FIXED 3 1d"], ["TOKEN 2 1 1d"]
KEYS = keys_in([slots[0] for slots in RANGES])
"""One for each primary."""


def by_redis_py(cluster: Cluster, name: str, clauses: Sequence[str]) -> None:
    """Set a policy as an application does."""
    words = ("RL.POLICY", "LOAD", json.dumps({name: clauses}))
    with cluster.client() as client:
        client.execute_command(*words, target_nodes=client.get_primaries())


def by_redis_cli(cluster: Cluster, name: str, clauses: Sequence[str]) -> None:
    """Set a policy as an operator does."""
    words = ["RL.POLICY", "SET", name, *" ".join(clauses).split()]
    some_node = f"127.0.0.1:{cluster.nodes[-1].port}"
    told = cluster.cli("call", some_node, *words, "--cluster-only-masters")
    assert told.count(": OK") == PRIMARIES, told


def verdict(cluster: Cluster, key: str, policy: str) -> object:
    """Whether a call is allowed, and what remains."""
    reply = cluster.call("RL.LIMIT", key, "POLICY", policy)
    assert isinstance(reply, list), reply
    assert isinstance(reply[1], list)
    return reply[0], reply[1][2]


def test_they_are_set_on_every_primary_and_outlive_it(cluster: Cluster) -> None:
    by_redis_py(cluster, "api", API)
    by_redis_cli(cluster, "sms", SMS)
    both = {"api": API, "sms": SMS}
    eventually(lambda: all(dump(node) == both for node in cluster.nodes), DEADLINE_S)
    for key in KEYS:
        assert [verdict(cluster, key, "api") for _ in range(4)] == [(1, 2), (1, 1), (1, 0), (0, 0)]
        assert [verdict(cluster, key, "sms") for _ in range(3)] == [(1, 1), (1, 0), (0, 0)]

    primary, replica = cluster.nodes[0], cluster.nodes[PRIMARIES]
    eventually(partial(holds, replica, KEYS[0], held(primary, KEYS[0])), DEADLINE_S)
    primary.kill9()
    cluster.wait_for_takeover(replica)
    assert verdict(cluster, KEYS[0], "api") == (0, 0)
    by_redis_py(cluster, "api", ["FIXED 5 1d"])
    changed = {"api": ["FIXED 5 1d"], "sms": SMS}
    assert [verdict(cluster, KEYS[0], "api") for _ in range(3)] == [(1, 1), (1, 0), (0, 0)]

    # The one that was killed had nothing on disk, and gets all of them as a replica.
    primary.start()
    eventually(lambda: dump(primary) == changed, DEADLINE_S)


def test_a_primary_that_was_left_out_says_so(cluster: Cluster) -> None:
    asked(cluster.nodes[0], "RL.POLICY", "SET", "api", *API[0].split())
    here, there = KEYS[:2]
    assert verdict(cluster, here, "api") == (1, 2)
    assert cluster.call("RL.LIMIT", there, "POLICY", "api") == Failure(
        "ERR there is no policy 'api'"
    )


def test_slots_that_a_server_moves_bring_no_policies(cluster: Cluster, kind: Kind) -> None:
    """They move as the commands of a rewritten AOF, from a copy of all memory, too."""
    if not kind.moves_slots_whole:
        pytest.skip("the server does not move slots as a whole")
    source, target = cluster.owner(0), cluster.owner(SLOTS - 1)
    asked(source, "RL.POLICY", "SET", "api", *API[0].split())
    asked(target, "RL.POLICY", "SET", "sms", *SMS[0].split())
    assert verdict(cluster, KEYS[0], "api") == (1, 2)
    state = held(source, KEYS[0])
    asked(source, "CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", 0, 63, "NODE", cluster.id_of(target))
    eventually(lambda: cluster.owner(0) == target, DEADLINE_S)
    assert held(target, KEYS[0]) == state
    assert (dump(source), dump(target)) == ({"api": API}, {"sms": SMS})


def linked(replica: Server) -> bool:
    return bool(replication.info(replica.client(), "replication")["master_link_status"] == "up")


def restart_with(node: Server, file: PolicyFile) -> None:
    """Restart a replica that has saved what it has, with a file of its own."""
    for name, value in SAVES.items():
        node.client().config_set(name, value)
    node.module_args = file.arguments
    node.restart(SAVES)
    eventually(partial(linked, node), DEADLINE_S)


def test_a_replica_that_restarts_without_its_primary_and_takes_over(
    cluster: Cluster, tmp_path: Path
) -> None:
    first, second = cluster.nodes[0], cluster.nodes[PRIMARIES]
    by_redis_py(cluster, "api", API)
    eventually(lambda: dump(second) == {"api": API}, DEADLINE_S)
    # It waits for the operator's word.
    waits = {"cluster-replica-no-failover": "yes", **SAVES}
    for name, value in waits.items():
        second.client().config_set(name, value)
    first.kill9()
    second.module_args = PolicyFile(tmp_path, "second", {"api": SMS, "second": SMS}).arguments
    second.restart(waits)
    assert dump(second) == {"api": API}
    ask(second, "CLUSTER", "FAILOVER", "TAKEOVER")
    cluster.wait_for_takeover(second)
    assert dump(second) == {"api": API}
    first.start()
    eventually(lambda: dump(first) == {"api": API}, DEADLINE_S)


def test_files_on_all_nodes_and_every_change_of_roles(cluster: Cluster, tmp_path: Path) -> None:
    first, second = cluster.nodes[0], cluster.nodes[PRIMARIES]
    files = {
        node: PolicyFile(tmp_path, f"{node.port}", {"api": [f"FIXED {node.port} 1d"], name: SMS})
        for node, name in ((first, "first"), (second, "second"))
    }

    def assert_same(primary: Server, replica: Server, policies: object) -> None:
        eventually(lambda: dump(replica) == policies, DEADLINE_S)
        replication.wait_in_sync(primary, replica)
        assert (dump(primary), dump(replica)) == (policies, policies)

    by_redis_py(cluster, "api", API)
    have = {"api": API}
    assert_same(first, second, have)
    # It loads what it saved, and resumes: while it loads, it has no primary yet.
    restart_with(second, files[second])
    assert replication.info(first.client(), "stats")["sync_partial_ok"] >= 1
    assert_same(first, second, have)

    ask(second, "CLUSTER", "FAILOVER", "TAKEOVER")
    cluster.wait_for_takeover(second)
    assert_same(second, first, have)
    by_redis_py(cluster, "sms", SMS)
    have["sms"] = SMS
    assert_same(second, first, have)
    restart_with(first, files[first])
    assert_same(second, first, have)

    cluster.hand_over(first)
    assert_same(first, second, have)

    # A primary's file counts when it starts, and its replica has what it has.
    first.client().config_set("save", SAVES["save"])
    first.restart()
    eventually(partial(linked, second), DEADLINE_S)
    assert_same(first, second, {**have, "api": [f"FIXED {first.port} 1d"], "first": SMS})
