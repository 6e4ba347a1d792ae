"""Keyspace events of denied calls: off by default, and on by CONFIG."""

from __future__ import annotations

import pytest

from support import replication
from support.events import Listener, heard
from support.pool import NewServer
from support.resp import Argument, Failure, RawConnection, Reply, Status
from support.server import Server
from support.verdicts import clauses, integers

pytestmark = pytest.mark.all_servers

DENIED = {
    "RL.FIXED": "RL.FIXED k 0 1m",
    "RL.SLIDING": "RL.SLIDING k 5 1m COST 6",
    "RL.LOG": "RL.LOG k 0 1m",
    "RL.TOKEN": "RL.TOKEN k 0 1 1m",
    "RL.LEAKY": "RL.LEAKY k 0 1 1m",
    "RL.LIMIT": "RL.LIMIT k FIXED 5 1m LOG 0 1m TOKEN 0 1 1m",
    "RL.THROTTLE": "RL.THROTTLE k 0 1 1m 2",
    "CL.THROTTLE": "CL.THROTTLE k 0 1 1m 2",
}


def on(new_server: NewServer, classes: str = "KEd", denied: str = "yes") -> Server:
    """A server that tells of denied calls, if they are in the classes."""
    lines = {"notify-keyspace-events": classes, "ratelimit.notify-denied": denied}
    return new_server(config=lines)


@pytest.mark.parametrize("line", DENIED.values(), ids=DENIED)
def test_a_denied_call_tells(new_server: NewServer, line: str) -> None:
    server = on(new_server)
    assert heard(server, line) == [("keyspace@0:k", "rl.denied"), ("keyevent@0:rl.denied", "k")]


def test_off_by_default_and_switched_at_any_time(new_server: NewServer) -> None:
    server = new_server(config={"notify-keyspace-events": "KEA"})
    line = DENIED["RL.FIXED"]
    assert heard(server, line) == []
    assert len(heard(server, "CONFIG SET ratelimit.notify-denied yes", line, line)) == 4
    assert heard(server, "CONFIG SET ratelimit.notify-denied no", line) == []


@pytest.mark.parametrize("classes", ["KEA", "KEd"])
def test_it_is_in_the_class_of_modules(new_server: NewServer, classes: str) -> None:
    assert len(heard(on(new_server, classes), DENIED["RL.FIXED"])) == 2


def test_it_is_in_no_other_class(new_server: NewServer) -> None:
    server = on(new_server, "KEg$lshzxet")
    listener = Listener(server)
    with server.raw() as raw:
        raw(*DENIED["RL.FIXED"].split())
        raw("SET", "s", "v")
    assert next(iter(listener)) == ("keyspace@0:s", "set")


def test_an_allowed_call_tells_what_it_always_told(new_server: NewServer) -> None:
    server = on(new_server, "Kd")
    # A clause that is denied within a call counts as little as one that would pass.
    calls = ("RL.FIXED k 5 1m", "RL.FIXED k 5 1m COST 0", "RL.PEEK k", "RL.TOKEN k 5 1 1m")
    assert heard(server, *calls) == [("keyspace@0:k", "rl.fixed"), ("keyspace@0:k", "rl.token")]


def test_what_costs_nothing_and_is_denied_all_the_same(new_server: NewServer) -> None:
    lines = ("RL.FIXED k 5 1m COST 5", "RL.FIXED k 4 1m COST 0")
    told = heard(on(new_server, "Kd"), *lines)
    assert told == [("keyspace@0:k", "rl.fixed"), ("keyspace@0:k", "rl.denied")]


def test_errors_tell_nothing(new_server: NewServer) -> None:
    server = on(new_server)
    listener = Listener(server)
    with server.raw() as raw:
        raw("SET", "s", "v")
        for line in ("RL.FIXED s 0 1m", "RL.FIXED k x 1m", "RL.FIXED k 1"):
            assert isinstance(raw(*line.split()), Failure)
        raw(*DENIED["RL.FIXED"].split())
    assert next(iter(listener)) == ("keyspace@0:k", "rl.denied")


def test_within_transactions_and_scripts_and_other_databases(new_server: NewServer) -> None:
    server = on(new_server, "Ed")
    listener = Listener(server)
    denied: list[Argument] = ["RL.FIXED", b"odd\r\n\xc3\xa9 key", 0, "1m"]
    with server.raw() as raw:
        raw("SELECT", 3)
        raw("MULTI")
        raw(*denied)
        raw("EXEC")
        raw("EVAL", "return redis.call('RL.FIXED', KEYS[1], 0, '1m')", 1, b"odd\r\n\xc3\xa9 key")
    told = iter(listener)
    for _ in range(2):
        assert next(told) == ("keyevent@3:rl.denied", "odd\r\n\u00e9 key")


def test_it_is_still_no_change(new_server: NewServer) -> None:
    primary, replica = on(new_server, "KEA"), new_server()
    replication.attach(replica, primary)
    with primary.raw() as raw:
        raw("RL.FIXED", "k", 5, "1m", "COST", 5)
        replication.wait_in_sync(primary, replica)
        before = replication.offset(primary.client())
        raw("WATCH", "k")
        assert denied_by(raw("RL.FIXED", "k", 5, "1m"))
        with primary.raw() as other:
            assert clauses(other("RL.LIMIT", "k", "FIXED", 5, "1m"))[0] == 0
        raw("MULTI")
        raw("PING")
        assert raw("EXEC") == [Status("PONG")]
        assert replication.offset(primary.client()) == before


def denied_by(reply: Reply) -> bool:
    """Whether a verdict denies."""
    return integers(reply)[0] == 0


def test_a_replica_that_takes_writes_tells_too(new_server: NewServer) -> None:
    primary, replica = new_server(), on(new_server, "Kd")
    replication.attach(replica, primary)
    with replica.raw() as raw:
        assert isinstance(raw(*DENIED["RL.FIXED"].split()), Failure)
        raw("CONFIG", "SET", "replica-read-only", "no")
    assert heard(replica, DENIED["RL.FIXED"]) == [("keyspace@0:k", "rl.denied")]


def connection_of(server: Server) -> RawConnection:
    """A connection that speaks RESP3."""
    raw = server.raw()
    raw("HELLO", 3)
    return raw


def test_no_cache_is_invalidated(new_server: NewServer) -> None:
    server = on(new_server)
    raw = connection_of(server)
    raw("RL.FIXED", "k", 5, "1m", "COST", 5)
    raw("CLIENT", "TRACKING", "ON")
    raw("RL.PEEK", "k")
    with server.raw() as other:
        assert denied_by(other("RL.FIXED", "k", 5, "1m"))
    assert raw("PING") == Status("PONG"), "nothing was pushed before it"
