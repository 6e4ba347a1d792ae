"""Named policies: RL.POLICY, and POLICY name in RL.LIMIT."""

from __future__ import annotations

import json

import pytest

from support import replication
from support.policies import API, BOTH, SET_API, dump
from support.pool import NewServer
from support.resp import Argument, Failure, RawConnection, Status

pytestmark = pytest.mark.all_servers

OK = Status("OK")


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
        (
            ("RL.POLICY", "SET", "api", "FIXED", 5, "1h", "COST", 2),
            "ERR clause 2 must begin with FIXED, SLIDING, LOG, TOKEN, LEAKY, LEASE, SHADOW or BAN, "
            "not 'COST'",
        ),
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


@pytest.mark.parametrize("name", [b"", b"\0", b"a\0b", b"\xff\xfe", b"\r\n", b"x" * 100_000])
def test_an_odd_name_names_nothing(raw: RawConnection, name: bytes) -> None:
    raw("RL.POLICY", "LOAD", json.dumps(BOTH))
    assert raw("RL.POLICY", "GET", name) is None
    assert raw("RL.POLICY", "DEL", name) == 0
    unknown = raw("RL.LIMIT", "k", "POLICY", name)
    refused = raw("RL.POLICY", "SET", name, "FIXED", 5, "1m")
    for reply in (unknown, refused):
        assert isinstance(reply, Failure)
        assert len(reply.text) < 300
    assert raw("RL.POLICY", "LIST") == [b"api", b"login"]
    raw("RL.POLICY", "DEL", "api", "login")


def test_within_transactions_and_scripts(raw: RawConnection) -> None:
    raw("MULTI")
    raw(*SET_API)
    raw("RL.LIMIT", "k", "POLICY", "api")
    verdict = [1, [1, 20, 19, 0, 100], [1, 1000, 999, 0, 3_600_000]]
    assert raw("EXEC") == [OK, verdict]
    script = """
        redis.call('RL.POLICY', 'SET', 'login', 'FIXED', 5, '1m')
        return redis.call('RL.LIMIT', KEYS[1], 'POLICY', 'login')
    """
    assert raw("EVAL", script, 1, "k") == [1, [1, 5, 4, 0, 60_000]]
    assert raw("RL.POLICY", "DEL", "api", "login") == 2


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


def test_a_name_with_a_colon_is_one_field_of_info(new_server: NewServer) -> None:
    server = new_server()
    with server.raw() as raw:
        raw("RL.POLICY", "SET", "a:b", "FIXED", 2, "1m")
        raw("RL.POLICY", "SET", "a_b", "FIXED", 2, "1m")
        raw("RL.LIMIT", "k", "POLICY", "a:b")
    told = replication.info(server.client(), "ratelimit")
    assert told["ratelimit_policy_a|b_allowed"] == 1
    assert told["ratelimit_policy_a_b_allowed"] == 0
