"""A rewritten AOF without an RDB preamble has the policies from the moment on that it counts."""

from __future__ import annotations

import os
import signal

import pytest

from support import replication
from support.aof import rewrite_aof, wait_for_rewrite
from support.cluster import ask
from support.eventually import eventually
from support.policies import API, SET_API, dump
from support.pool import NewServer
from support.ports import is_free
from support.resp import Argument, Failure
from support.server import Server

pytestmark = pytest.mark.all_servers

HAVE = {"api": API}
CARRIER = b"ratelimit policies"
"""How the keys are named that the child of a rewrite has for itself."""

PLAIN = {
    "appendonly": "yes",
    "aof-use-rdb-preamble": "no",
    "notify-keyspace-events": "KEAn",
    "lazyfree-lazy-server-del": "yes",
}
KEYS: dict[str, list[list[Argument]]] = {
    "no key": [],
    "a key of another type": [["SET", "k", "v"]],
    "a key of the type": [["RL.FIXED", "k", 5, "1h"]],
    "keys of another database": [["SELECT", 5], ["RL.FIXED", "k", 5, "1h"]],
    "many keys": [["RL.FIXED", f"k{each}", 5, "1h"] for each in range(300)],
    "keys of that name": [
        ["SET", CARRIER + b" 0", "v"],
        ["RL.FIXED", CARRIER + b" 1", 5, "1h"],
        ["SET", CARRIER + b" 2", "v", "PX", 1],
    ],
}


def base(server: Server) -> bytes:
    """The newest file that a rewrite made."""
    files = server.folder.rglob("*.base.*")
    return max(files, key=lambda file: int(file.name.split(".")[-3])).read_bytes()


def cut_off(server: Server) -> None:
    """Take away what was appended since the last rewrite, as a crash before any flush would."""
    for file in server.folder.rglob("*.incr.aof"):
        os.truncate(file, 0)


def digest(server: Server) -> object:
    """All keys of all databases."""
    return server.client().execute_command("DEBUG", "DIGEST")


def told(server: Server, section: str) -> dict[str, object]:
    return replication.info(server.client(), section)


@pytest.mark.parametrize("preamble", ["yes", "no"])
@pytest.mark.parametrize("keys", KEYS)
def test_its_base_alone_has_them(new_server: NewServer, keys: str, preamble: str) -> None:
    server = new_server(config={**PLAIN, "aof-use-rdb-preamble": preamble})
    with server.raw() as raw:
        raw(*SET_API)
        replies = raw.pipeline(KEYS[keys])
        assert not any(isinstance(reply, Failure) for reply in replies)
    before = digest(server)
    for _ in range(2):
        rewrite_aof(server)
        assert digest(server) == before
        server.kill9()
        cut_off(server)
        # Nobody but the child of the rewrite ever has a key for them.
        assert (CARRIER in base(server)) == (keys == "keys of that name")
        server.restart()
        assert (dump(server), digest(server)) == (HAVE, before)


@pytest.mark.parametrize("preamble", ["yes", "no"])
def test_without_policies_it_is_as_without_the_module(new_server: NewServer, preamble: str) -> None:
    # From 8 on a plain server writes no mark of a module that has nothing to keep; 7.0 does.
    if preamble == "yes" and new_server.kind.name == "redis-7.0":
        pytest.skip("it writes a mark of the module into its preamble")
    config = {**PLAIN, "aof-use-rdb-preamble": preamble, "rdbchecksum": "no"}
    written = []
    for options in ({}, {"module": None}):
        server = new_server(config=config, **options)
        server.client().set("k", "v")
        rewrite_aof(server)
        written.append(base(server))
    # A preamble tells how much memory is used, beside other things.
    if preamble == "no":
        assert written[0] == written[1]
    assert not any(b"policy" in each or b"ratelimit" in each for each in written)


def test_nobody_hears_of_a_key(new_server: NewServer) -> None:
    server = new_server(config=PLAIN)
    with server.raw() as raw, server.raw() as subscriber:
        raw(*SET_API)
        subscriber("PSUBSCRIBE", "__keyevent*")
        rewrite_aof(server)
        rewrite_aof(server)
        raw("SET", "k", "v")
        told = subscriber.read()
        assert isinstance(told, list)
        assert told[-1] == b"k"


def test_a_rewrite_while_writes_are_held_back_and_a_stop(new_server: NewServer) -> None:
    server = new_server(config=PLAIN)
    with server.raw() as raw:
        raw(*SET_API)
        raw("CLIENT", "PAUSE", 1_000_000, "WRITE")
        rewrite_aof(server)
    server.stop()
    server.restart()
    assert dump(server) == HAVE


def test_an_aof_that_is_switched_on_while_writes_are_held_back_and_a_stop(
    new_server: NewServer,
) -> None:
    server = new_server(config={**PLAIN, "appendonly": "no"})
    with server.raw() as raw:
        raw(*SET_API)
        raw("CLIENT", "PAUSE", 1_000_000, "WRITE")
        raw("CONFIG", "SET", "appendonly", "yes")
    wait_for_rewrite(server)
    server.stop()
    server.restart({"appendonly": "yes"})
    assert dump(server) == HAVE


def test_a_rewrite_that_ends_while_a_stop_waits_for_a_replica(new_server: NewServer) -> None:
    config = {**PLAIN, "shutdown-timeout": 1_000, "rdb-key-save-delay": 1_000}
    server, replica = new_server(config=config), new_server()
    for each in (server, replica):
        each.clock.run()
    replication.attach(replica, server)
    with server.raw() as raw:
        raw(*SET_API)
        raw.pipeline([["SET", f"k{each}", "v"] for each in range(300)])
        replication.wait_in_sync(server, replica)
        os.kill(replica.pid, signal.SIGSTOP)
        # Far more than the sockets between them hold.
        raw.pipeline([["SET", "large", b"x" * 1_000_000] for _ in range(40)])
        raw("BGREWRITEAOF")
        os.kill(server.pid, signal.SIGTERM)
        eventually(lambda: "shutdown_in_milliseconds" in told(server, "server"))
    wait_for_rewrite(server)
    os.kill(replica.pid, signal.SIGCONT)
    eventually(lambda: is_free(server.port))
    server.wait()
    server.restart()
    assert dump(server) == HAVE


def test_of_a_replica_after_a_full_synchronisation(new_server: NewServer) -> None:
    primary, replica = new_server(), new_server(config=PLAIN)
    with primary.raw() as raw:
        raw(*SET_API)
    replication.attach(replica, primary)
    wait_for_rewrite(replica)
    replica.kill9()
    cut_off(replica)
    replica.restart()
    assert dump(replica) == HAVE


def test_in_a_cluster(new_server: NewServer) -> None:
    server = new_server(config={**PLAIN, "cluster-enabled": "yes"})
    server.clock.run()
    ask(server, "CLUSTER", "ADDSLOTSRANGE", 0, 16383)
    with server.raw() as raw:
        eventually(lambda: not isinstance(raw("RL.FIXED", "{b}", 5, "1h"), Failure))
        raw(*SET_API)
        # The server remembers the slot of what it runs, and forks within this.
        rewriting: list[Argument] = ["BGREWRITEAOF"]
        call: list[Argument] = ["RL.FIXED", "{a}", 5, "1h"]
        replies = raw.pipeline([["MULTI"], call, rewriting, ["EXEC"]])
        assert not any(isinstance(reply, Failure) for reply in replies)
    wait_for_rewrite(server)
    before = digest(server)
    server.kill9()
    cut_off(server)
    server.restart()
    assert dump(server) == HAVE
    assert digest(server) == before
