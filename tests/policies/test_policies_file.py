"""What a primary takes from its policies file, its replicas and its AOF have, too."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from support import replication
from support.eventually import eventually
from support.paths import MODULE
from support.policies import SAVES, PolicyFile, dump
from support.pool import NewServer
from support.resp import Argument, Failure, Status
from support.server import Server

pytestmark = pytest.mark.all_servers

OK = Status("OK")
OLD, NEW = ["FIXED 5 1m"], ["FIXED 9 1m"]
OTHER = ["TOKEN 20 10 1s"]


def same(first: Server, *others: Server) -> bool:
    """Whether all have the same policies."""
    return all(dump(first) == dump(other) for other in others)


def assert_same(primary: Server, *replicas: Server, policies: object) -> None:
    """All come to have these, and keep them when they take over."""
    assert dump(primary) == policies
    eventually(lambda: same(primary, *replicas))
    for replica in replicas:
        replication.wait_in_sync(primary, replica)
    for replica in replicas:
        replication.promote(replica)
        assert dump(replica) == policies


def assert_resumed(primary: Server, replicas: int = 1) -> None:
    """The replicas went on where they were: nothing but the stream told them anything."""
    stats = replication.info(primary.client(), "stats")
    assert (stats["sync_full"], stats["sync_partial_ok"]) == (0, replicas)


@pytest.fixture
def file(tmp_path: Path) -> PolicyFile:
    """A file with the policy 'login'."""
    return PolicyFile(tmp_path, "policies", {"login": OLD})


def told(replica: Server) -> int:
    """How often it was told all policies by the stream."""
    return replication.calls(replica.client()).get("rl.policy|load", 0)


def restarted(primary: Server, replica: Server) -> None:
    """Stop the primary with a save and start it; the replica goes on where it was."""
    replication.wait_in_sync(primary, replica)
    primary.restart()
    replication.wait_in_sync(primary, replica)
    assert_resumed(primary)


CHANGES = {
    "changed": ({"login": NEW}, {"login": NEW}),
    "added": ({"login": OLD, "api": OTHER}, {"login": OLD, "api": OTHER}),
    # What a file no longer has, stays: only DEL takes a policy away.
    "removed": ({"api": OTHER}, {"login": OLD, "api": OTHER}),
    "emptied": ({}, {"login": OLD}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_file(new_server: NewServer, file: PolicyFile, change: str) -> None:
    content, after = CHANGES[change]
    primary, replica = file.server(new_server), new_server()
    replication.attach(replica, primary)
    file.write(content)
    restarted(primary, replica)
    assert_same(primary, replica, policies=after)


def test_a_changed_file_and_a_replica_of_a_replica(new_server: NewServer, file: PolicyFile) -> None:
    primary, replica, last = file.server(new_server), new_server(), new_server()
    replication.attach(replica, primary)
    replication.attach(last, replica)
    file.write({"login": NEW})
    restarted(primary, replica)
    eventually(lambda: same(primary, replica, last))
    assert dump(last) == {"login": NEW}


def test_a_file_that_is_new_in_the_configuration(new_server: NewServer, file: PolicyFile) -> None:
    primary, replica = new_server(config=SAVES), new_server()
    with primary.raw() as raw:
        raw("RL.POLICY", "SET", "api", *OTHER[0].split())
    replication.attach(replica, primary)
    primary.module_args = file.arguments
    restarted(primary, replica)
    assert_same(primary, replica, policies={"login": OLD, "api": OTHER})


@pytest.mark.parametrize("command", ["SET", "DEL"])
@pytest.mark.parametrize("how", ["restart", "DEBUG RELOAD"])
def test_what_is_done_over_the_file(
    new_server: NewServer, file: PolicyFile, how: str, command: str
) -> None:
    primary, replica = file.server(new_server), new_server()
    replication.attach(replica, primary)
    with primary.raw() as raw:
        words = NEW[0].split() if command == "SET" else []
        assert raw("RL.POLICY", command, "login", *words) in (OK, 1)
        replication.wait_in_sync(primary, replica)
        assert dump(replica) == ({"login": NEW} if command == "SET" else {})
        if how == "restart":
            restarted(primary, replica)
        else:
            assert raw("DEBUG", "RELOAD") == OK
    assert_same(primary, replica, policies={"login": OLD})


@pytest.mark.parametrize("own", [False, True])
def test_a_file_that_comes_with_module_load(
    new_server: NewServer, file: PolicyFile, tmp_path: Path, *, own: bool
) -> None:
    """The replica has the module already, and perhaps a file of its own."""
    arguments = PolicyFile(tmp_path, "own", {"own": OTHER}).arguments if own else []
    primary = new_server(module=None, config={"appendonly": "yes", "aof-use-rdb-preamble": "no"})
    replica = new_server(module_args=arguments)
    replication.attach(replica, primary)
    with primary.raw() as raw:
        assert raw("MODULE", "LOAD", str(MODULE), *file.arguments) == OK
    eventually(lambda: same(primary, replica))
    assert dump(primary) == {"login": OLD}
    assert "module" not in replication.calls(replica.client())
    primary.kill9()
    primary.module = MODULE
    primary.restart()
    assert dump(primary) == {"login": OLD}


@pytest.mark.parametrize("preamble", ["yes", "no"])
def test_an_aof_has_the_files(new_server: NewServer, file: PolicyFile, preamble: str) -> None:
    config = {"appendonly": "yes", "aof-use-rdb-preamble": preamble, "appendfsync": "always"}
    server = file.server(new_server, config=config)
    appended(server, 1)
    file.write({"api": OTHER})
    server.restart()
    appended(server, 2)
    # The same once more adds nothing.
    server.restart()
    with server.raw() as raw:
        raw("RL.FIXED", "k", 5, "1h")
        assert raw("WAIT", 0, 0) == 0
    assert loads(server) == 2
    server.kill9()
    server.module_args = []
    server.restart()
    assert dump(server) == {"login": OLD, "api": OTHER}


def loads(server: Server) -> int:
    """How often all policies were appended to the AOF."""
    return sum(file.read_bytes().count(b"rl.policy") for file in server.folder.rglob("*.incr.aof"))


def appended(server: Server, times: int) -> None:
    """Wait until that happened so often."""
    eventually(lambda: loads(server) == times)


def test_an_unchanged_file_tells_nothing(new_server: NewServer, file: PolicyFile) -> None:
    primary, replica = file.server(new_server), new_server()
    replication.attach(replica, primary)
    file.write({"login": ["fixed 5 60"]})
    restarted(primary, replica)
    assert told(replica) == 0
    file.write({"login": NEW})
    restarted(primary, replica)
    eventually(lambda: told(replica) == 1)
    assert_same(primary, replica, policies={"login": NEW})


def test_a_stop_before_anybody_could_be_told(new_server: NewServer, file: PolicyFile) -> None:
    """Writes are held back: what is saved meanwhile must not hide that replicas lack something."""
    primary, replica = file.server(new_server), new_server()
    replication.attach(replica, primary)
    with primary.raw() as raw:
        raw("RL.POLICY", "SET", "login", *NEW[0].split())
        replication.wait_in_sync(primary, replica)
        raw("CLIENT", "PAUSE", 1_000_000, "WRITE")
        assert raw("DEBUG", "RELOAD") == OK
    assert dump(primary) == {"login": OLD}
    assert dump(replica) == {"login": NEW}
    restarted(primary, replica)
    assert_same(primary, replica, policies={"login": OLD})


def test_a_replica_that_comes_before_anybody_could_be_told(
    new_server: NewServer, file: PolicyFile
) -> None:
    primary, replica = file.server(new_server), new_server()
    with primary.raw() as raw:
        raw("RL.POLICY", "SET", "login", *NEW[0].split())
        raw("CLIENT", "PAUSE", 1_000_000, "WRITE")
        assert raw("DEBUG", "RELOAD") == OK
        replica.client().execute_command("REPLICAOF", "127.0.0.1", primary.port)
        eventually(
            lambda: replication.info(replica.client(), "replication")["master_link_status"] == "up"
        )
        raw("CLIENT", "UNPAUSE")
    assert_same(primary, replica, policies={"login": OLD})


DONE: dict[str, tuple[list[Argument], dict[str, list[str]]]] = {
    "SET another": (["RL.POLICY", "SET", "api", *OTHER[0].split()], {"login": OLD, "api": OTHER}),
    "SET the same": (["RL.POLICY", "SET", "login", "FIXED", 7, "1m"], {"login": ["FIXED 7 1m"]}),
    "DEL": (["RL.POLICY", "DEL", "login"], {}),
    "LOAD": (["RL.POLICY", "LOAD", json.dumps({"api": OTHER})], {"login": OLD, "api": OTHER}),
}


@pytest.mark.parametrize("transaction", [False, True])
@pytest.mark.parametrize("done", DONE)
def test_a_change_before_anybody_was_told(
    new_server: NewServer, file: PolicyFile, done: str, *, transaction: bool
) -> None:
    """At once after a load, before the server's cron."""
    command, after = DONE[done]
    primary, replica = file.server(new_server), new_server()
    replication.attach(replica, primary)
    told = partial(replication.info, primary.client(), "persistence")
    eventually(lambda: not told()["rdb_bgsave_in_progress"])
    with primary.raw() as raw:
        raw("RL.POLICY", "SET", "login", *NEW[0].split())
        changing: list[list[Argument]] = (
            [["MULTI"], command, ["EXEC"]] if transaction else [command]
        )
        replies = raw.pipeline([["DEBUG", "RELOAD"], *changing, ["SAVE"]])
        assert not any(isinstance(reply, Failure) for reply in replies)
    assert_same(primary, replica, policies=after)
    # What was saved at once has it, too; the file comes over it again.
    primary.kill9()
    primary.restart()
    assert dump(primary) == {**after, "login": OLD}
