"""Named policies stay: a file at start, RDB, AOF, replicas."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from random import Random

import pytest

from support import replication
from support.aof import rewrite_aof
from support.eventually import eventually
from support.policies import API, BOTH, LOGIN, SET_API, dump
from support.pool import NewServer
from support.replication import digest
from support.resp import Argument, Failure, Status
from support.server import Server, ServerFailed

pytestmark = pytest.mark.all_servers

OK = Status("OK")


@pytest.mark.parametrize("preamble", ["yes", "no"])
def test_an_aof_keeps_them(new_server: NewServer, preamble: str) -> None:
    config = {"appendonly": "yes", "appendfsync": "always", "aof-use-rdb-preamble": preamble}
    server = new_server(config=config)
    with server.raw() as raw:
        raw(*SET_API)
        raw("RL.POLICY", "SET", "gone", "FIXED", 1, 1)
    server.kill9()
    server.restart()
    with server.raw() as raw:
        assert raw("RL.POLICY", "LIST") == [b"api", b"gone"]
        rewrite_aof(server)
        raw("RL.POLICY", "DEL", "gone")
        raw("RL.POLICY", "LOAD", json.dumps(LOGIN))
    server.kill9()
    server.restart()
    assert dump(server) == BOTH


def written(server: Server) -> bytes:
    """All of the AOF, in lower case."""
    return b"".join(file.read_bytes() for file in server.folder.rglob("*.aof")).lower()


def test_no_fork_is_taken_for_a_write(new_server: NewServer) -> None:
    config = {"appendonly": "yes", "aof-use-rdb-preamble": "no", "repl-diskless-sync": "no"}
    server, replica, late = new_server(config=config), new_server(), new_server()
    replication.attach(replica, server)
    with server.raw() as raw:
        raw(*SET_API)
        raw("BGSAVE")
        eventually(
            lambda: not replication.info(server.client(), "persistence")["rdb_bgsave_in_progress"]
        )
        replication.attach(late, server)
        assert written(server).count(b"rl.policy") == 1
        rewrite_aof(server)
    replication.wait_in_sync(server, replica)
    ran = replication.calls(replica.client())
    assert not {"bgsave", "psync", "bgrewriteaof"} & {name for name, n in ran.items() if n}
    # Who comes back has the server fork for him.
    for follower in (replica, late):
        replication.promote(follower)
    server.kill9()
    server.restart()
    assert dump(server) == {"api": API}
    told = replication.info(server.client(), "persistence")
    assert told["aof_rewrite_in_progress"] == told["rdb_bgsave_in_progress"] == 0
    assert written(server).count(b"rl.policy") == 1
    assert not any(word in written(server) for word in (b"bgsave", b"psync", b"bgrewriteaof"))


def test_an_rdb_file_keeps_them(new_server: NewServer) -> None:
    server = new_server()
    with server.raw() as raw:
        raw("RL.POLICY", "LOAD", json.dumps(BOTH))
        raw("RL.FIXED", "k", 5, "1h")
        raw("SAVE")
        before = digest(server.client(), "k")
        assert raw("DEBUG", "RELOAD") == OK
        assert raw("RL.POLICY", "LIST") == [b"api", b"login"]
        raw("RL.POLICY", "SET", "late", "FIXED", 1, 1)
    server.kill9()
    server.restart()
    assert dump(server) == BOTH
    assert digest(server.client(), "k") == before
    with server.raw() as raw:
        raw("RL.POLICY", "DEL", "api", "login")
        raw("SAVE")
    server.kill9()
    server.restart()
    assert dump(server) == {}


@pytest.mark.parametrize("load", ["disabled", "swapdb"])
def test_a_replica_has_those_of_its_primary(new_server: NewServer, load: str) -> None:
    primary, replica = new_server(), new_server(config={"repl-diskless-load": load})
    with primary.raw() as raw, replica.raw() as there:
        there("RL.POLICY", "SET", "own", "FIXED", 1, 1)
        raw(*SET_API)
        replication.attach(replica, primary)
        assert dump(replica) == {"api": API}
        raw("RL.POLICY", "LOAD", json.dumps(LOGIN))
        replication.wait_in_sync(primary, replica)
        assert dump(replica) == BOTH
        refused = there("RL.POLICY", "SET", "own", "FIXED", 1, 1)
        assert isinstance(refused, Failure)
        assert refused.text.startswith("READONLY")
        before = replication.offset(primary.client())
        raw("RL.POLICY", "DEL", "nope")
        raw("RL.POLICY", "SET", "bad name", "FIXED", 1, 1)
        assert replication.offset(primary.client()) == before
        replication.promote(replica)
        assert there("RL.LIMIT", "k", "POLICY", "login") == [1, [1, 5, 4, 0, 60_000]]


@pytest.mark.parametrize("known", [False, True])
def test_a_load_that_is_aborted_leaves_the_old_ones(new_server: NewServer, known: bool) -> None:
    """One that knows its primary's history goes on serving meanwhile; one that does not waits."""
    slow = {"rdb-key-save-delay": 100_000, "repl-diskless-sync": "yes", "repl-backlog-size": 16_384}
    beside = {"repl-diskless-load": "swapdb", "loading-process-events-interval-bytes": 20_000}
    primary, replica = new_server(config=slow), new_server(config=beside)
    flag = "async_loading" if known else "loading"

    def is_loading() -> bool:
        return bool(replication.info(replica.client(), "persistence")[flag])

    # More than the backlog holds and the server sends at once, and nothing to compress.
    noise = Random(1).randbytes(20_000)
    much: list[list[Argument]] = [["SET", f"key:{number}", noise] for number in range(200)]
    with primary.raw() as raw, replica.raw() as there:
        (raw if known else there)(*SET_API)
        (raw if known else there)("RL.FIXED", "old", 5, "1h")
        if known:
            replication.attach(replica, primary)
        cut: list[Argument] = ["CLIENT", "KILL", "TYPE", "replica"]
        raw.pipeline([["MULTI"], cut, ["RL.POLICY", "LOAD", json.dumps(LOGIN)], *much, ["EXEC"]])
        if not known:
            there("REPLICAOF", "127.0.0.1", primary.port)
        eventually(is_loading)
        primary.kill9()
        eventually(lambda: not is_loading())
        assert there("RL.PEEK", "old") != []
        assert dump(replica) == {"api": API}


def test_a_file_of_them_is_read_at_start(new_server: NewServer, tmp_path: Path) -> None:
    path = tmp_path / "policies.json"
    path.write_text(json.dumps(LOGIN))
    server = new_server(module_args=["policies", str(path)])
    with server.raw() as raw:
        assert raw("RL.LIMIT", "k", "POLICY", "login") == [1, [1, 5, 4, 0, 60_000]]
        raw(*SET_API)
        raw("RL.POLICY", "SET", "login", "FIXED", 9, 9)
        raw("SAVE")
    server.kill9()
    server.restart()
    # The file's come over those that were kept, and the others stay.
    assert dump(server) == BOTH


BAD_FILES = {
    '{"a": ["FIXED 5 1m"],\n"b": ["FIXED 5 1y"]}': "policy 'b': clause 1: period .* line 2",
    '{"a": ["FIXED 5 1m"],\n"a": ["FIXED 5 1m"]}': "policy 'a' is there twice at line 2",
    '{"a b": ["FIXED 5 1m"]}': "name must be 1 to 64 letters, .* not 'a b' at line 1",
    '{\n\n"a": []}': "policy 'a': it must have at least one clause at line 3",
    '{"a": ["FIXED 5 1m COST 2"]}': "policy 'a': .* must be one clause at line 1",
    '{"a": "FIXED 5 1m"}': "invalid type: string .* at line 1",
    '["FIXED 5 1m"]': "expected an object of policies, .* at line 1",
    '{"a": ["FIXED 5 1m"]} more': "trailing characters at line 1 column 23",
    "{": "EOF while parsing an object at line 1",
    "": "EOF while parsing a value at line 1",
    "\udcff": "did not contain valid UTF-8",
}


@pytest.mark.parametrize("text", BAD_FILES)
def test_a_bad_file_stops_the_load(new_server: NewServer, tmp_path: Path, text: str) -> None:
    path = tmp_path / "policies.json"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ServerFailed, match=f"not loaded: policies {path}: .*{BAD_FILES[text]}"):
        new_server(module_args=["policies", str(path)])


def test_a_file_that_cannot_be_read_stops_the_load(new_server: NewServer, tmp_path: Path) -> None:
    good = tmp_path / "good.json"
    good.write_text(json.dumps(LOGIN))
    for arguments, why in {
        ("policies", str(tmp_path / "none.json")): "policies .*none.json: No such file",
        ("policies", str(tmp_path)): "policies .*: Is a directory",
        ("policies",): "policies needs a path",
        ("policies", str(good), "POLICIES", str(good)): "argument POLICIES is given twice",
    }.items():
        with pytest.raises(ServerFailed, match=f"not loaded: {why}"):
            new_server(module_args=arguments)


def test_a_file_is_kept_by_config_rewrite(new_server: NewServer, tmp_path: Path) -> None:
    path = tmp_path / "policies.json"
    path.write_text(json.dumps(LOGIN))
    first = new_server(module_args=["policies", str(path), "top-size", "5"])
    with first.raw() as raw:
        assert raw("CONFIG", "REWRITE") == OK
    kept = shutil.copy(first.folder / "server.conf", first.folder / "kept.conf")
    first.stop()
    second = new_server(module=None, config={"include": str(kept)})
    assert dump(second) == LOGIN
    with second.raw() as raw:
        assert raw("CONFIG", "GET", "ratelimit.top-size") == [b"ratelimit.top-size", b"5"]


def test_a_file_that_does_not_fit_leaves_what_was_kept(
    new_server: NewServer, tmp_path: Path
) -> None:
    path = tmp_path / "policies.json"
    path.write_text("{}")
    server = new_server(module_args=["policies", str(path)])
    many = {f"p{each}": ["FIXED 5 1m"] for each in range(4096)}
    with server.raw() as raw:
        assert raw("RL.POLICY", "LOAD", json.dumps(many)) == OK
        raw("SAVE")
    server.kill9()
    path.write_text(json.dumps(LOGIN))
    server.restart()
    assert dump(server) == many
    assert "the policies of the file do not fit beside those that were loaded" in server.log()


# The setting log-max-limit: whoever sets a policy is held to it, nobody who keeps it.

MOST = 10_000_000
LARGE = {"large": [f"LOG {MOST} 1h"]}


def test_the_largest_limit_of_a_log_is_asked_of_who_sets_it(
    new_server: NewServer, tmp_path: Path
) -> None:
    refused = (
        f"limit must be an integer from 0 to 1000000, without sign or leading zero, not '{MOST}'"
    )
    path = tmp_path / "policies.json"
    path.write_text(json.dumps(LARGE))
    with pytest.raises(ServerFailed, match=f"not loaded: policies .*{refused}"):
        new_server(module_args=["policies", str(path)])
    server = new_server(module_args=["policies", str(path), "log-max-limit", str(MOST)])
    assert dump(server) == LARGE
    with new_server().raw() as raw:
        assert raw("RL.POLICY", "SET", "large", "LOG", MOST, "1h") == Failure(
            f"ERR clause 1: {refused}"
        )
        loaded = raw("RL.POLICY", "LOAD", json.dumps(LARGE))
        assert isinstance(loaded, Failure)
        assert f"policy 'large': clause 1: {refused}" in loaded.text
        raw("CONFIG", "SET", "ratelimit.log-max-limit", MOST)
        assert raw("RL.POLICY", "LOAD", json.dumps(LARGE)) == OK


@pytest.mark.parametrize("preamble", ["yes", "no"])
@pytest.mark.parametrize("appendonly", ["yes", "no"])
def test_a_policy_above_a_lowered_maximum_outlives_a_restart(
    new_server: NewServer, appendonly: str, preamble: str
) -> None:
    config = {"appendonly": appendonly, "aof-use-rdb-preamble": preamble, "save": "3600 1"}
    server = new_server(config=config)
    with server.raw() as raw:
        raw("CONFIG", "SET", "ratelimit.log-max-limit", MOST)
        assert raw("RL.POLICY", "SET", "large", "LOG", MOST, "1h") == OK
        raw("RL.LIMIT", "k", "POLICY", "large", "COST", 7)
    for _ in range(2):
        server.restart()
        assert dump(server) == LARGE
        with server.raw() as raw:
            call = ("RL.LIMIT", "k", "POLICY", "large", "COST", 0)
            assert raw(*call) == [1, [1, MOST, MOST - 7, 0, 3_600_000]]
            if appendonly == "yes":
                rewrite_aof(server)


def test_a_replica_with_a_lower_maximum_has_them_all_the_same(new_server: NewServer) -> None:
    primary = new_server(module_args=["log-max-limit", str(MOST)])
    replica = new_server()
    with primary.raw() as raw:
        raw("RL.POLICY", "LOAD", json.dumps(LARGE))
        replication.attach(replica, primary)
        assert dump(replica) == LARGE
        raw("RL.POLICY", "SET", "other", "LOG", MOST, "2h")
        raw("RL.POLICY", "LOAD", json.dumps({"third": [f"LOG {MOST} 3h"]}))
        replication.wait_in_sync(primary, replica)
    assert dump(replica) == dump(primary)
    assert "CRITICAL" not in replica.log()
