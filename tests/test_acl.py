"""Access control: who may limit, who may look, and who may put state in place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from support import replication
from support.effects import effects
from support.eventually import eventually
from support.kinds import FLOOR, Kind
from support.pool import NewServer
from support.resp import Failure, RawConnection, Status
from support.server import Server
from support.verdicts import integers

pytestmark = pytest.mark.all_servers

CONSUMING = (
    "RL.FIXED a:k 5 10",
    "RL.SLIDING a:k 5 10",
    "RL.LOG a:k 5 10",
    "RL.TOKEN a:k 5 1 10",
    "RL.LEAKY a:k 5 1 10",
    "RL.LIMIT a:k FIXED 5 10 LOG 5 10",
    "RL.THROTTLE a:k 5 1 10",
    "CL.THROTTLE a:k 5 1 10",
)
LOOKING = ("RL.PEEK a:k", "RL.HELP", "RL.VERSION")
PERSISTENT = {"appendonly": "yes", "appendfsync": "always"}
REFUSED = Failure("NOPERM RL.APPLY is internal, and only for users who may run RESTORE")


@pytest.fixture
def server(new_server: NewServer) -> Server:
    """A server whose users are the test's own."""
    return new_server(config=PERSISTENT)


@contextmanager
def user(server: Server, *rules: str) -> Iterator[RawConnection]:
    """A connection as a user that has these rules and no others."""
    with server.raw() as admin:
        assert admin("ACL", "SETUSER", "user", "reset", "on", "nopass", *rules) == Status("OK")
    with server.raw() as connection:
        assert connection("AUTH", "user", "x") == Status("OK")
        yield connection


def may(connection: RawConnection, line: str) -> bool:
    """Whether the user may run the line, which is without fault."""
    reply = connection(*line.split())
    if isinstance(reply, Failure):
        assert reply.text.startswith("NOPERM "), reply
        return False
    return True


def effect(server: Server) -> bytes:
    """An effect that the server has made."""
    with server.raw() as admin:
        admin("RL.FIXED", "made", 9, 10)
    return effects(server)[-1]


def by_category(kind: Kind) -> None:
    """Skip servers on which the commands of modules have no categories."""
    if kind.name == FLOOR:
        pytest.skip("Redis 7.0 knows no categories for the commands of modules")


def test_who_limits_may_name_policies_and_not_change_them(server: Server, kind: Kind) -> None:
    reading = ("RL.POLICY GET api", "RL.POLICY LIST", "RL.POLICY DUMP", "RL.LIMIT a:k POLICY api")
    changing = ("RL.POLICY SET api FIXED 9 10", "RL.POLICY DEL api", "RL.POLICY LOAD {}")
    with server.raw() as admin:
        admin("RL.POLICY", "SET", "api", "FIXED", 5, 10)
    named = ("+rl.limit", *(f"+rl.policy|{word}" for word in ("get", "list", "dump")))
    grants = [named] if kind.name == FLOOR else [named, ("+@ratelimit",)]
    for granted in grants:
        with user(server, "~*", "-@all", *granted) as connection:
            assert [line for line in reading if not may(connection, line)] == []
            assert [line for line in changing if may(connection, line)] == []
    with user(server, "~*", "-@all", "+rl.policy") as connection:
        assert [line for line in changing if not may(connection, line)] == []


def test_write_and_fast_are_enough(server: Server, kind: Kind) -> None:
    by_category(kind)
    with user(server, "~*", "-@all", "+@write", "+@fast") as connection:
        for line in (*CONSUMING, *LOOKING):
            assert may(connection, line), line
    with user(server, "~*", "-@all", "+@read") as connection:
        assert may(connection, "RL.PEEK a:k")
        assert not any(may(connection, line) for line in CONSUMING)


def test_the_category_ratelimit_is_enough(server: Server, kind: Kind) -> None:
    by_category(kind)
    with user(server, "~*", "-@all", "+@ratelimit") as connection:
        for line in (*CONSUMING, *LOOKING):
            assert may(connection, line), line
        assert not may(connection, "GET a:k")
        assert not may(connection, "RL.APPLY a:k effect")
    with user(server, "~*", "+@all", "-@ratelimit") as connection:
        assert not any(may(connection, line) for line in (*CONSUMING, *LOOKING))


def test_the_internal_command_is_dangerous(server: Server, kind: Kind) -> None:
    by_category(kind)
    for rules in (["+@all", "-@dangerous"], ["+@all", "-@keyspace"], ["+@all", "-@slow"]):
        with user(server, "~*", *rules) as connection:
            for line in ("RL.APPLY a:k effect", "RESTORE a:k 0 payload"):
                assert not may(connection, line)
            assert may(connection, CONSUMING[0])


def test_by_the_commands_names(server: Server) -> None:
    for line in (*CONSUMING, *LOOKING):
        name = line.split()[0].lower()
        with user(server, "~*", "-@all", f"+{name}") as connection:
            for other in (*CONSUMING, *LOOKING):
                assert may(connection, other) == (other == line), f"{other} with +{name}"


def test_by_the_key(server: Server) -> None:
    with user(server, "~b:*", "+@all") as connection:
        assert not any(may(connection, line) for line in (*CONSUMING, LOOKING[0]))
        assert may(connection, "RL.FIXED b:k 5 10")
        assert may(connection, "RL.PEEK b:k")


def test_who_may_only_read_a_key_may_look(server: Server) -> None:
    with user(server, "%R~a:*", "+@all") as connection:
        assert may(connection, "RL.PEEK a:k")
        assert not any(may(connection, line) for line in CONSUMING)
    with user(server, "%W~a:*", "+@all") as connection:
        assert not may(connection, "RL.PEEK a:k")
        assert not any(may(connection, line) for line in CONSUMING)


@pytest.mark.parametrize(
    "rules",
    [
        ["~*", "-@all", "+rl.apply"],
        ["~*", "+@all", "-restore"],
        ["%R~*", "%W~b:*", "~c:*", "+@all"],
    ],
    ids=["by name", "all but RESTORE", "another key"],
)
def test_who_may_not_restore_may_not_apply(server: Server, rules: list[str]) -> None:
    payload = effect(server)
    with user(server, *rules) as connection, server.raw() as admin:
        for key in ("a:k", "made"):
            reply = connection("RL.APPLY", key, payload)
            assert isinstance(reply, Failure)
            if rules[0] == "~*":
                assert reply == REFUSED
            assert reply.text.startswith("NOPERM ")
        assert admin("KEYS", "*") == [b"made"]
        script = "return redis.pcall('RL.APPLY', KEYS[1], ARGV[1])"
        assert isinstance(connection("EVAL", script, 1, "a:k", payload), Failure)
        connection("MULTI")
        connection("RL.APPLY", "a:k", payload)
        connection("EXEC")
        assert admin("KEYS", "*") == [b"made"]


def test_who_may_restore_may_apply(server: Server) -> None:
    payload = effect(server)
    with user(server, "~a:*", "-@all", "+restore", "+rl.apply", "+rl.peek") as connection:
        assert connection("RL.APPLY", "a:k", payload) == Status("OK")
        assert connection("RL.PEEK", "a:k") == [[b"fixed", 9, 9, 10_000, 8, 0, 10_000]]
        assert isinstance(connection("RL.APPLY", "b:k", payload), Failure)


@pytest.mark.parametrize("rules", ["+@all -restore", "+@all -rl.apply -@dangerous", "off"])
def test_an_aof_is_honoured_whatever_the_default_user_may_do(
    new_server: NewServer, rules: str
) -> None:
    users = [f"default on nopass ~* &* {rules}", "admin on nopass ~* &* +@all"]
    server = new_server(config={**PERSISTENT, "user": users})
    with server.raw() as raw:
        raw("AUTH", "admin", "x")
        raw("RL.LIMIT", "k", "FIXED", 5, 10, "LOG", 5, 10, "COST", 3)
        raw("BGREWRITEAOF")
        raw("RL.LIMIT", "k", "FIXED", 5, 10, "LOG", 5, 10)
    server.kill9()
    server.start()
    with server.raw() as raw:
        raw("AUTH", "admin", "x")
        # Whoever may not PING is not told that the server is still loading.
        eventually(lambda: not isinstance(raw("PING"), Failure))
        assert raw("RL.PEEK", "k") == [
            [b"fixed", 5, 5, 10_000, 1, 0, 10_000],
            [b"log", 5, 5, 10_000, 1, 0, 10_000],
        ]


def test_a_primary_is_honoured_whatever_the_default_user_may_do(new_server: NewServer) -> None:
    primary = new_server()
    replica = new_server(config={"user": "default on nopass ~* &* +@all -restore -rl.apply"})
    replication.attach(replica, primary)
    with primary.raw() as raw, replica.raw() as reading:
        assert integers(raw("RL.FIXED", "k", 5, 10))[2] == 4
        replication.wait_in_sync(primary, replica)
        assert reading("RL.PEEK", "k") == [[b"fixed", 5, 5, 10_000, 4, 0, 10_000]]
