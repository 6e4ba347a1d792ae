"""Access control: who may limit, who may look, and who may put state in place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from support import replication
from support.aof import wait_for_rewrite
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
    "RL.ALL a:k FIXED 5 10 AND a:j LOG 5 10",
    "RL.SETTLE a:k id 1",
    "RL.LEASE a:l 5 10 id",
    "RL.RENEW a:l 10 id",
    "RL.RELEASE a:l id",
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
        assert [line for line in changing if may(connection, line)] == []
    with user(server, "~*", "-@all", "+rl.policy", "+config|set") as connection:
        assert [line for line in changing if not may(connection, line)] == []


# What is not everybody's asks for a right of the server's, on every server alike.
GUARDED = {
    "RL.POLICY SET api FIXED 9 10": "policies are changed only by users who may run CONFIG SET",
    "RL.POLICY DEL api": "policies are changed only by users who may run CONFIG SET",
    "RL.POLICY LOAD {}": "policies are changed only by users who may run CONFIG SET",
    "RL.TOP": "RL.TOP is only for users who may run SLOWLOG GET",
    "RL.TOP COUNT 1": "RL.TOP is only for users who may run SLOWLOG GET",
    "RL.TOP RESET": "RL.TOP is only for users who may run SLOWLOG GET",
    "RL.TOP SHADOW": "RL.TOP is only for users who may run SLOWLOG GET",
    "RL.TOP SHADOW RESET": "RL.TOP is only for users who may run SLOWLOG GET",
    "RL.APPLY a:k effect": "RL.APPLY is internal, and only for users who may run RESTORE",
}
EVERYBODYS = (
    *(*CONSUMING, *LOOKING),
    *("RL.POLICY GET api", "RL.POLICY LIST", "RL.POLICY DUMP", "RL.LIMIT a:k POLICY api"),
)


def name_of(line: str) -> str:
    """The command as COMMAND LIST names it."""
    first, second, *_ = [*line.lower().split(), ""]
    return f"{first}|{second}" if first == "rl.policy" else first


def test_every_command_is_everybodys_or_guarded(server: Server) -> None:
    with server.raw() as admin:
        listed = admin("COMMAND", "LIST", "FILTERBY", "MODULE", "ratelimit")
    assert isinstance(listed, list)
    names = {name.decode() for name in listed if isinstance(name, bytes)} - {"rl.policy"}
    assert {name_of(line) for line in (*EVERYBODYS, *GUARDED)} == names


@pytest.mark.parametrize(
    "rules",
    ["+@all -@admin -@dangerous", "+@all -@dangerous", "+@all -config -acl -slowlog -restore"],
)
def test_who_is_no_operator_may_not_do_what_operators_do(server: Server, rules: str) -> None:
    with server.raw() as admin:
        admin("RL.POLICY", "SET", "api", "FIXED", 5, 10)
        admin("RL.FIXED", "secret:other-tenant", 0, 10)
    with user(server, "~*", *rules.split()) as connection:
        for line in EVERYBODYS:
            assert may(connection, line), line
        for line, why in GUARDED.items():
            refused = connection(*line.split())
            assert isinstance(refused, Failure), line
            assert refused.text.startswith("NOPERM "), line
            # Where it is the server's own refusal, it names the command.
            assert refused.text == f"NOPERM {why}" or "no permissions" in refused.text, line
            script = "return redis.pcall(unpack(ARGV))"
            scripted = connection("EVAL", script, 0, *line.split())
            assert isinstance(scripted, Failure), line
            connection("MULTI")
            queued = connection(*line.split())
            done = connection("EXEC")
            assert isinstance(queued, Failure) or isinstance(done[0], Failure), line  # type: ignore[index]
    with server.raw() as admin:
        assert admin("RL.POLICY", "GET", "api") == [b"FIXED 5 10s"]
        assert admin("RL.TOP") == [[b"secret:other-tenant", 1]]


@pytest.mark.parametrize("line", GUARDED)
def test_the_right_to_run_it_alone_is_not_enough(server: Server, line: str) -> None:
    with user(server, "~*", "-@all", f"+{name_of(line)}") as connection:
        assert connection(*line.split()) == Failure(f"NOPERM {GUARDED[line]}")


def test_the_rights_that_are_asked_for(server: Server) -> None:
    with user(server, "-@all", "+rl.top", "+slowlog|get") as connection:
        assert may(connection, "RL.TOP COUNT 1")
        refused = "NOPERM RL.TOP RESET is only for users who may run SLOWLOG RESET"
        assert connection("RL.TOP", "RESET") == Failure(refused)
        assert not may(connection, "RL.POLICY SET api FIXED 9 10")
    with user(server, "-@all", "+rl.top", "+slowlog") as connection:
        assert may(connection, "RL.TOP RESET")
    with user(server, "-@all", "+rl.policy", "+config|set", "+eval") as connection:
        assert may(connection, "RL.POLICY SET api FIXED 9 10")
        script = "return redis.call('RL.POLICY', 'SET', 'api', 'FIXED', 8, 10)"
        assert connection("EVAL", script, 0) == Status("OK")
        assert not may(connection, "RL.TOP")


def test_where_the_servers_command_was_renamed_the_next_is_asked_for(new_server: NewServer) -> None:
    renamed = [f'{name} ""' for name in ("CONFIG", "SLOWLOG")]
    with new_server(config={"rename-command": renamed}).raw() as raw:
        assert raw("RL.POLICY", "SET", "api", "FIXED", 5, 10) == Status("OK")
        assert raw("RL.TOP", "RESET") == []
        rules = ("on", "nopass", "~*", "+@all", "-@admin", "-@dangerous", "+rl.top", "+rl.policy")
        raw("ACL", "SETUSER", "user", "reset", *rules)
        raw("AUTH", "user", "x")
        for line in ("RL.POLICY SET api FIXED 9 10", "RL.POLICY DEL api", "RL.TOP", "RL.TOP RESET"):
            assert not may(raw, line), line
    renamed = [f'{name} ""' for name in ("CONFIG", "ACL", "SLOWLOG")]
    with new_server(config={"rename-command": renamed}).raw() as raw:
        for line in ("RL.POLICY SET api FIXED 9 10", "RL.TOP"):
            assert not may(raw, line), "nobody can be asked about, so nobody may"


def test_policies_reach_those_whose_default_user_may_not_set_them(new_server: NewServer) -> None:
    config = {"user": "default on nopass ~* &* +@all -@admin -@dangerous +replicaof +info"}
    primary, replica = new_server(config=PERSISTENT), new_server(config={**PERSISTENT, **config})
    replication.attach(replica, primary)
    wait_for_rewrite(replica)
    with primary.raw() as raw, replica.raw() as reading:
        raw("RL.POLICY", "SET", "api", "FIXED", 5, 10)
        replication.wait_in_sync(primary, replica)
        assert reading("RL.POLICY", "GET", "api") == [b"FIXED 5 10s"]
    replica.kill9()
    replica.start()
    with replica.raw() as reading:
        assert reading("RL.POLICY", "GET", "api") == [b"FIXED 5 10s"]


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
