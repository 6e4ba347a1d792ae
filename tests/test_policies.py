"""Named policies: RL.POLICY, and POLICY name in RL.LIMIT."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support import replication
from support.eventually import eventually
from support.pool import NewServer
from support.replication import digest
from support.resp import Argument, Failure, RawConnection, Status
from support.server import Server, ServerFailed

pytestmark = pytest.mark.all_servers

OK = Status("OK")
API = ["TOKEN 20 10 1s", "FIXED 1000 1h"]
SET_API = ("RL.POLICY", "SET", "api", "token", 20, 10, 1, "FIXED", 1000, "60m")
LOGIN = {"login": ["FIXED 5 1m"]}
BOTH = {"api": API, **LOGIN}


def dump(server: Server) -> object:
    with server.raw() as raw:
        text = raw("RL.POLICY", "DUMP")
    assert isinstance(text, bytes)
    return json.loads(text)


def test_a_policy_stands_for_its_clauses(raw: RawConnection) -> None:
    raw("RL.POLICY", "DEL", "api", "login")
    assert raw(*SET_API) == OK
    assert raw("RL.POLICY", "GET", "api") == [each.encode() for each in API]
    assert raw("RL.POLICY", "GET", "nope") is None
    named = raw("RL.LIMIT", "a", "POLICY", "api", "COST", 3)
    written = raw("RL.LIMIT", "b", "TOKEN", 20, 10, "1s", "FIXED", 1000, "1h", "COST", 3)
    assert named == written == [1, [1, 20, 17, 0, 300], [1, 1000, 997, 0, 3_600_000]]
    assert raw("RL.PEEK", "a") == raw("RL.PEEK", "b")
    beside = raw("RL.LIMIT", "a", "LOG", 3, "1d", "policy", "api")
    assert isinstance(beside, list)
    assert len(beside) == 4
    assert raw("RL.POLICY", "LIST") == [b"api"]
    assert raw("RL.POLICY", "DEL", "api", "nope") == 1
    assert raw("RL.POLICY", "LIST") == []


def test_a_changed_policy_counts_at_once(raw: RawConnection) -> None:
    raw("RL.POLICY", "SET", "login", "FIXED", 5, "1m")
    raw("RL.LIMIT", "k", "POLICY", "login", "COST", 5)
    assert raw("RL.LIMIT", "k", "POLICY", "login") == [0, [0, 5, 0, 60_000, 60_000]]
    raw("RL.POLICY", "SET", "login", "FIXED", 8, "1m")
    assert raw("RL.LIMIT", "k", "POLICY", "login") == [1, [1, 8, 2, 0, 60_000]]
    raw("RL.POLICY", "DEL", "login")


@pytest.mark.parametrize(
    ("argv", "error"),
    [
        (("RL.LIMIT", "k", "POLICY", "nope"), "ERR there is no policy 'nope'"),
        (("RL.LIMIT", "k", "POLICY", "a\r\nb"), r"ERR there is no policy 'a\r\nb'"),
        (
            ("RL.LIMIT", "k", "FIXED", 5, "1h", "POLICY"),
            "ERR clause 2 is incomplete, it must be POLICY name",
        ),
        (
            ("RL.LIMIT", "k", "FIXED", 5, "1h", "POLICY", "api"),
            "ERR clause 3 has the same algorithm and period as clause 1",
        ),
        (("RL.POLICY", "SET", "a b", "FIXED", 5, "1h"), "ERR a policy's name must be 1 to 64"),
        (("RL.POLICY", "SET", b"\xff", "FIXED", 5, "1h"), "ERR the argument must be UTF-8 text"),
        (("RL.POLICY", "SET", "x" * 65, "FIXED", 5, "1h"), "ERR a policy's name must be 1 to 64"),
        (("RL.POLICY", "SET", "api", "FIXED", 5, "1y"), "ERR clause 1: period must be"),
        (("RL.POLICY", "SET", "api", "POLICY", "api", "1h"), "ERR clause 1 must begin with"),
        (("RL.POLICY", "LOAD", "{"), "ERR json must be policies: EOF while parsing"),
        (("RL.POLICY", "LOAD", '{"new": ["FIXED 5 1m"], "api": []}'), "ERR json must be policies"),
        (("RL.POLICY", "LOAD", b"\xff"), "ERR the argument must be UTF-8 text"),
        (("RL.POLICY", "NOPE"), "ERR unknown subcommand"),
    ],
)
def test_an_error_says_why_and_loses_nothing(
    raw: RawConnection, argv: tuple[str, ...], error: str
) -> None:
    raw("RL.POLICY", "LOAD", json.dumps(BOTH))
    reply = raw(*argv)
    assert isinstance(reply, Failure)
    assert reply.text.lower().startswith(error.lower())
    assert raw("RL.POLICY", "LIST") == [b"api", b"login"]
    assert raw("RL.POLICY", "GET", "api") == [each.encode() for each in API]
    assert raw("DBSIZE") == 0
    raw("RL.POLICY", "DEL", "api", "login")


def test_there_is_a_bound(new_server: NewServer) -> None:
    server = new_server()
    with server.raw() as raw:
        many = {f"p{each}": ["FIXED 5 1m"] for each in range(10_000)}
        refused = raw("RL.POLICY", "LOAD", json.dumps(many))
        assert isinstance(refused, Failure)
        assert "too many policies, there may be at most 4096" in refused.text
        assert raw("RL.POLICY", "LIST") == []
        calls: list[list[Argument]] = [
            ["RL.POLICY", "SET", name, "FIXED", 5, "1m"] for name in many
        ]
        replies = raw.pipeline(calls)
        assert [reply == OK for reply in replies].count(True) == 4096
        assert raw("RL.POLICY", "SET", "p0", "FIXED", 6, "1m") == OK
    kept = dump(server)
    assert isinstance(kept, dict)
    assert len(kept) == 4096


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
        raw("BGREWRITEAOF")
        eventually(
            lambda: not replication.info(server.client(), "persistence")["aof_rewrite_in_progress"]
        )
        raw("RL.POLICY", "DEL", "gone")
        raw("RL.POLICY", "LOAD", json.dumps(LOGIN))
    server.kill9()
    server.restart()
    assert dump(server) == BOTH


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


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"a": ["FIXED 5 1m"],\n"b": ["FIXED 5 1y"]}', "policy 'b': clause 1: period .* line 2"),
        ("{", "EOF while parsing an object at line 1"),
        (None, "No such file"),
    ],
)
def test_a_bad_file_stops_the_load(
    new_server: NewServer, tmp_path: Path, text: str | None, why: str
) -> None:
    path = tmp_path / "policies.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ServerFailed, match=f"not loaded: policies .*{why}"):
        new_server(module_args=["policies", str(path)])


def test_info_counts_them(new_server: NewServer) -> None:
    server = new_server()
    with server.raw() as raw:
        raw("RL.POLICY", "SET", "login", "FIXED", 2, "1m")
        for _ in range(5):
            raw("RL.LIMIT", "k", "POLICY", "login")
    told = replication.info(server.client(), "ratelimit")
    assert told["ratelimit_policies"] == 1
    assert told["ratelimit_policy_login_allowed"] == 2
    assert told["ratelimit_policy_login_denied"] == 3
