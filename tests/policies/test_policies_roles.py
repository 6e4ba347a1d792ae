"""Whoever becomes a replica or a primary, by whatever way, ends with its primary's policies."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support import replication
from support.cluster import role_of
from support.eventually import eventually
from support.paths import MODULE
from support.policies import SAVES, PolicyFile, dump
from support.pool import NewServer
from support.ports import free_port
from support.resp import Status
from support.server import Server

pytestmark = pytest.mark.all_servers

OK = Status("OK")
FILES = {
    "primary": {"login": ["FIXED 1 1m"], "first": ["FIXED 1 1m"]},
    "replica": {"login": ["FIXED 2 1m"], "second": ["FIXED 2 1m"]},
}
WHO = {"both": ("primary", "replica"), "the primary": ("primary",), "the replica": ("replica",)}
SET = {"login": ["FIXED 3 1m"], "set": ["FIXED 3 1m"]}


def started(new_server: NewServer, folder: Path, name: str, has_file: str) -> Server:
    """Start a server that saves when it is stopped, with a file if it is to have one."""
    if name in WHO[has_file]:
        return PolicyFile(folder, name, FILES[name]).server(new_server)
    return new_server(config=SAVES)


def load(server: Server, policies: object = SET) -> None:
    """Set policies over those of the file."""
    with server.raw() as raw:
        assert raw("RL.POLICY", "LOAD", json.dumps(policies)) == OK


def assert_same(primary: Server, replica: Server, expected: object) -> None:
    """Both have these, now and after a while."""
    replication.wait_in_sync(primary, replica)
    assert dump(primary) == expected
    eventually(lambda: dump(replica) == expected)
    with primary.raw() as raw:
        raw("SET", "mark", "v")
    replication.wait_in_sync(primary, replica)
    assert dump(replica) == expected


@pytest.mark.parametrize("has_file", WHO)
def test_by_replicaof_and_back(new_server: NewServer, tmp_path: Path, has_file: str) -> None:
    primary, replica = (
        started(new_server, tmp_path, name, has_file) for name in ("primary", "replica")
    )
    replication.attach(replica, primary)
    assert_same(primary, replica, dump(primary))
    load(primary)
    policies = dump(primary)
    assert_same(primary, replica, policies)
    # They change places: what was the primary goes on where it was.
    replication.promote(replica)
    assert dump(replica) == policies
    load(replica, {"last": ["FIXED 4 1m"]})
    changed = dump(replica)
    replication.attach(primary, replica)
    assert_same(replica, primary, changed)
    # And back, once more.
    replication.promote(primary)
    replication.attach(replica, primary)
    assert_same(primary, replica, changed)


@pytest.mark.parametrize("has_file", WHO)
def test_by_failover(new_server: NewServer, tmp_path: Path, has_file: str) -> None:
    primary, replica = (
        started(new_server, tmp_path, name, has_file) for name in ("primary", "replica")
    )
    replication.attach(replica, primary)
    load(primary)
    replication.wait_in_sync(primary, replica)
    policies = dump(primary)
    assert isinstance(policies, dict)
    with primary.raw() as raw:
        # The file is put over what was loaded, and at once writes are held back.
        replies = raw.pipeline([["DEBUG", "RELOAD"], ["FAILOVER"]])
        assert replies == [OK, OK]
        eventually(lambda: role_of(replica) == b"master")
    # Whether it could be told of the file before, or not.
    expected = dump(replica)
    assert expected in (policies, {**policies, **FILES["primary"]})
    assert_same(replica, primary, expected)


@pytest.mark.parametrize("configured", [True, False])
@pytest.mark.parametrize("has_file", WHO)
def test_a_replica_that_restarts(
    new_server: NewServer, tmp_path: Path, has_file: str, *, configured: bool
) -> None:
    """As a replica that loads what it saved, or as a primary that is made a replica again."""
    primary, replica = (
        started(new_server, tmp_path, name, has_file) for name in ("primary", "replica")
    )
    replication.attach(replica, primary)
    load(primary)
    replication.wait_in_sync(primary, replica)
    replica.restart({"replicaof": f"127.0.0.1 {primary.port}"} if configured else {})
    if not configured:
        replication.attach(replica, primary)
    assert_same(primary, replica, dump(primary))
    if configured:
        stats = replication.info(primary.client(), "stats")
        assert (stats["sync_full"], stats["sync_partial_ok"]) == (1, 1)
    replication.promote(replica)
    assert dump(replica) == dump(primary)


def test_a_primary_that_could_not_tell_of_its_file(new_server: NewServer, tmp_path: Path) -> None:
    """It becomes the replica of one that has not been told, and goes on where it was."""
    first, second = started(new_server, tmp_path, "primary", "both"), new_server()
    replication.attach(second, first)
    load(first)
    replication.wait_in_sync(first, second)
    before = dump(second)
    with first.raw() as raw:
        raw("CLIENT", "PAUSE", 1_000_000, "WRITE")
        # The file is put over what was loaded.
        assert raw("DEBUG", "RELOAD") == OK
        assert dump(first) != before
        replication.promote(second)
        # At once, or it would tell of its file in between.
        raw.pipeline([["CLIENT", "UNPAUSE"], ["REPLICAOF", "127.0.0.1", second.port]])
    replication.attach(first, second)
    assert_same(second, first, before)
    assert replication.info(second.client(), "stats")["sync_full"] == 0
    replication.promote(first)
    assert dump(first) == before


@pytest.mark.parametrize("has_policies", [True, False])
def test_a_replica_into_which_the_module_comes(
    new_server: NewServer, tmp_path: Path, *, has_policies: bool
) -> None:
    """What the primary sets later is all that it is told."""
    primary, replica = new_server(module=None), new_server(module=None)
    replication.attach(replica, primary)
    arguments = PolicyFile(tmp_path, "replica", FILES["replica"]).arguments
    with primary.raw() as raw, replica.raw() as there:
        assert there("MODULE", "LOAD", str(MODULE), *arguments) == OK
        assert raw("MODULE", "LOAD", str(MODULE)) == OK
    assert dump(replica) == {}
    if has_policies:
        load(primary)
    assert_same(primary, replica, SET if has_policies else {})
    replication.promote(replica)
    assert dump(replica) == (SET if has_policies else {})


def test_a_replica_into_which_the_module_comes_while_its_primary_is_away(
    new_server: NewServer, tmp_path: Path
) -> None:
    primary, replica = new_server(config=SAVES, module=None), new_server(module=None)
    replication.attach(replica, primary)
    primary.stop()
    primary.module = MODULE
    arguments = PolicyFile(tmp_path, "replica", FILES["replica"]).arguments
    with replica.raw() as raw:
        eventually(
            lambda: (
                replication.info(replica.client(), "replication")["master_link_status"] == "down"
            )
        )
        assert raw("MODULE", "LOAD", str(MODULE), *arguments) == OK
    primary.start()
    assert_same(primary, replica, {})
    assert replication.info(primary.client(), "stats")["sync_full"] == 0


def test_a_replica_that_never_had_a_primary(new_server: NewServer, tmp_path: Path) -> None:
    """Where servers start as replicas of nobody, and one of them is then told to be a primary."""
    file = PolicyFile(tmp_path, "replica", FILES["replica"])
    config = {
        "replicaof": f"127.0.0.1 {free_port()}",
        "appendonly": "yes",
        "aof-use-rdb-preamble": "no",
    }
    server, replica = file.server(new_server, config=config), new_server()
    replication.promote(server)
    assert dump(server) == FILES["replica"]
    replication.attach(replica, server)
    assert_same(server, replica, FILES["replica"])
    # Its AOF has them, too.
    server.kill9()
    server.module_args = []
    server.config.pop("replicaof")
    server.restart()
    assert dump(server) == FILES["replica"]
