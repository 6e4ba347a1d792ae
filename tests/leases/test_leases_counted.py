"""What INFO, events and watchers are told of leases: each once, whatever becomes of their key."""

from __future__ import annotations

import pytest

from support import replication
from support.aof import rewrite_aof
from support.events import heard
from support.eventually import eventually
from support.lines import run
from support.pool import NewServer
from support.resp import Failure, RawConnection, Status
from support.server import Server
from support.verdicts import integers

pytestmark = pytest.mark.all_servers


def counted(raw: RawConnection) -> tuple[int, int]:
    """How many leases were released, and how many ran out."""
    text = raw("INFO", "ratelimit")
    assert isinstance(text, bytes)
    pairs = dict(line.split(":") for line in text.decode().split() if ":" in line)
    released, ended = (pairs[f"ratelimit_leases_{name}"] for name in ("released", "ended"))
    return int(released), int(ended)


def take(raw: RawConnection, key: str, *names: str, limit: int = 99, duration: str = "10s") -> None:
    for name in names:
        assert integers(raw("RL.LEASE", key, limit, duration, name))[0] == 1


@pytest.fixture
def own(new_server: NewServer) -> Server:
    """A server that removes keys only when they are asked for."""
    server = new_server()
    with server.raw() as raw:
        raw("DEBUG", "SET-ACTIVE-EXPIRE", 0)
    return server


def test_released_ones(own: Server) -> None:
    with own.raw() as raw:
        take(raw, "k", "a", "b", "c")
        run(raw, "RL.RELEASE k a a x")
        assert counted(raw) == (1, 0)
        run(raw, "RL.RELEASE k a b c")
        assert counted(raw) == (3, 0)
        run(raw, "RL.LEASE k 99 10s a COST 5")
        run(raw, "RL.RELEASE k a")
        assert counted(raw) == (4, 0), "of leases, not of places"
        # Neither a lease that begins again nor one that is renewed has ended.
        take(raw, "k", "a", "a")
        run(raw, "RL.RENEW k 1m a")
        assert counted(raw) == (4, 0)


# What comes to count those that ended: any write of leases at their key.
WRITES = {
    "a lease taken": "RL.LEASE k 99 10s new",
    "a place beside a rate": "RL.LIMIT k LEASE 99 10s FIXED 9 1m ID new",
    "on several keys": "RL.ALL other FIXED 9 1m AND k LEASE 99 10s ID new",
    "a renewal": "RL.RENEW k 10s kept",
    "a release": "RL.RELEASE k kept",
    "DEL": "DEL k",
    "UNLINK": "UNLINK k",
    "SET": "SET k v",
    "what is renamed to it": "RENAME string k",
}


@pytest.mark.parametrize("line", WRITES.values(), ids=WRITES)
def test_ended_ones_once(own: Server, line: str) -> None:
    with own.raw() as raw:
        run(raw, "SET string v")
        take(raw, "k", "a", "b", "c")
        take(raw, "k", "kept", duration="1h")
        own.clock.advance(10_000)
        # Nothing of this writes.
        for other in (
            *("RL.LEASE k 99 1m x COST 0", "RL.LEASE k 0 1m x", "RL.PEEK k"),
            *("RL.RENEW k 1m a", "RL.RELEASE k a", "EXISTS k"),
        ):
            run(raw, other)
        assert counted(raw) == (0, 0)
        assert not isinstance(run(raw, line), Failure)
        released = int("RELEASE" in line)
        assert counted(raw) == (released, 3)
        run(raw, "RL.LEASE k 99 10s more")
        run(raw, "DEL k")
        assert counted(raw) == (released, 3)


@pytest.mark.parametrize("actively", [False, True])
def test_those_of_a_key_that_expires(own: Server, actively: bool) -> None:
    with own.raw() as raw:
        take(raw, "k", "a", "b")
        at_ms = raw("PEXPIRETIME", "k")
        assert isinstance(at_ms, int)
        own.clock.set_ms(at_ms + 1)
        if actively:
            raw("DEBUG", "SET-ACTIVE-EXPIRE", 1)
            eventually(lambda: counted(raw) == (0, 2))
        assert raw("EXISTS", "k") == 0
        assert counted(raw) == (0, 2)


def test_those_of_a_key_that_is_evicted(own: Server) -> None:
    with own.raw() as raw:
        take(raw, "k", "a", "b")
        take(raw, "k", "c", duration="1h")
        own.clock.advance(10_000)
        raw("CONFIG", "SET", "maxmemory-policy", "allkeys-lru", "maxmemory", 1)
        assert isinstance(raw("SET", "other", "v"), Failure)
        raw("CONFIG", "SET", "maxmemory", 0)
        assert raw("EXISTS", "k") == 0
        assert counted(raw) == (0, 2), "the third had not run out"


def test_a_live_lease_that_goes_with_its_key_has_not_run_out(own: Server) -> None:
    with own.raw() as raw:
        for line in ("DEL k", "SET k v", "FLUSHALL"):
            take(raw, "k", "a", "b")
            run(raw, line)
            run(raw, "DEL k")
        own.clock.advance(3_600_000)
        take(raw, "k", "a")
        assert counted(raw) == (0, 0)


def test_those_of_a_server_that_is_emptied_are_forgotten(own: Server) -> None:
    with own.raw() as raw:
        for line in ("FLUSHALL", "FLUSHDB", "FLUSHALL ASYNC"):
            take(raw, "k", "a", "b")
            own.clock.advance(10_000)
            run(raw, line)
            assert counted(raw) == (0, 0)


@pytest.mark.parametrize("line", ["RENAME k to", "RENAMENX k to", "MOVE k 1"])
def test_a_key_that_gets_another_name_counts_them_once(own: Server, line: str) -> None:
    with own.raw() as raw:
        take(raw, "k", "a", "b", "c")
        take(raw, "k", "d", duration="20s")
        own.clock.advance(10_000)
        run(raw, line)
        assert counted(raw) == (0, 3)
        key = "to"
        if line.startswith("MOVE"):
            raw("SELECT", 1)
            key = "k"
        take(raw, key, "e")
        assert counted(raw) == (0, 3)
        own.clock.advance(10_000)
        run(raw, f"RENAME {key} again")
        assert counted(raw) == (0, 5)
        run(raw, "DEL again")
        assert counted(raw) == (0, 5)


def test_a_clock_that_stepped_back_after_they_were_counted(own: Server) -> None:
    with own.raw() as raw:
        take(raw, "k", "a", "b")
        own.clock.advance(10_000)
        run(raw, "RENAME k to")
        assert counted(raw) == (0, 2)
        own.clock.advance(-5_000)
        assert run(raw, "RL.RELEASE to a") == 1, "it is held again"
        assert counted(raw) == (1, 2)
        own.clock.advance(5_000)
        run(raw, "DEL to")
        assert counted(raw) == (1, 3), "and so the other one ends again"


def test_a_copy_counts_what_ends_in_it(own: Server) -> None:
    with own.raw() as raw:
        take(raw, "k", "a", "b")
        take(raw, "k", "c", duration="20s")
        own.clock.advance(10_000)
        assert run(raw, "COPY k to") == 1
        take(raw, "to", "d")
        assert counted(raw) == (0, 0), "they ended at the other key"
        take(raw, "k", "d")
        assert counted(raw) == (0, 2)
        own.clock.advance(10_000)
        run(raw, "DEL k to")
        assert counted(raw) == (0, 2 + 2 + 2)


def test_what_moves_to_another_server_is_counted_by_one(new_server: NewServer) -> None:
    server, other = new_server(), new_server()
    with server.raw() as raw, other.raw() as there:
        take(raw, "k", "a", "b")
        take(raw, "k", "c", duration="20s")
        server.clock.advance(10_000)
        other.clock.set_ms(server.clock.now_ms())
        dump = raw("DUMP", "k")
        assert isinstance(dump, bytes)
        assert raw("MIGRATE", "127.0.0.1", other.port, "k", 0, 20_000) == Status("OK")
        assert counted(raw) == (0, 2)
        assert counted(there) == (0, 0)
        other.clock.advance(10_000)
        take(there, "k", "d")
        assert counted(there) == (0, 1)
        assert raw("RESTORE", "again", 0, dump) == Status("OK")
        take(raw, "again", "d")
        assert counted(raw) == (0, 2), "a dump brings none that had ended"


AOF = {"appendonly": "yes", "appendfsync": "always"}


@pytest.mark.parametrize("rewritten", ["no", "as commands", "with a preamble"])
def test_a_restart_counts_nothing_by_itself(new_server: NewServer, rewritten: str) -> None:
    preamble = "yes" if rewritten == "with a preamble" else "no"
    server = new_server(config={**AOF, "aof-use-rdb-preamble": preamble})
    with server.raw() as raw:
        # Keys that went while their leases were held, as it is told in an AOF.
        for line in ("DEL gone", "RL.RELEASE gone a b", "RENAME gone k"):
            take(raw, "gone", "a", "b")
            run(raw, line)
        take(raw, "k", "c", duration="1h")
    if rewritten != "no":
        rewrite_aof(server)
    server.stop()
    server.clock.advance(60_000)
    server.start()
    with server.raw() as raw:
        assert counted(raw) == (0, 0)
        assert run(raw, "RL.RENEW k 1m a b c") == 1
        # Nobody had come to count them.
        assert counted(raw) == (0, 2)


def test_a_replica_counts_nothing_that_it_follows(new_server: NewServer) -> None:
    primary, replica = new_server(), new_server()
    replication.attach(replica, primary)
    with primary.raw() as raw, replica.raw() as reading:
        replica.clock.advance(3_600_000)
        for line in ("DEL k", "RENAME k to", "RL.RELEASE k a", "RL.LEASE k 99 10s d"):
            take(raw, "k", "a", "b", "c")
            run(raw, line)
        run(raw, "RENAME to again")
        for clock in (primary.clock, replica.clock):
            clock.advance(10_000)
        run(raw, "RL.LEASE k 99 1h e")
        run(raw, "DEL again")
        replication.wait_in_sync(primary, replica)
        assert counted(raw) == (1, 7)
        assert counted(reading) == (0, 0)
        # What ends once it is the primary is for it to count.
        take(raw, "k", "f")
        replication.wait_in_sync(primary, replica)
        replication.promote(replica)
        replica.clock.set_ms(primary.clock.now_ms())
        replica.clock.advance(10_000)
        reading("DEL", "k")
        assert counted(reading) == (0, 1)


# Events


def events_of(server: Server, *lines: str) -> list[str]:
    """The events at the key k that these calls make."""
    return [said for channel, said in heard(server, *lines) if channel == "keyspace@0:k"]


def test_events(new_server: NewServer) -> None:
    server = new_server(config={"notify-keyspace-events": "KEAn"})
    assert events_of(server, "RL.LEASE k 2 1m a")[-1] == "rl.lease"
    assert events_of(server, "RL.LEASE k 2 1m a") == ["rl.lease"], "it begins again"
    assert events_of(server, "RL.LEASE k 2 1m x COST 0", "RL.LEASE k 0 1m x") == []
    assert events_of(server, "RL.RENEW k 1m a", "RL.RENEW k 1m x") == ["rl.renew"]
    assert events_of(server, "RL.LEASE k 2 1m b", "RL.RELEASE k b x") == ["rl.lease", "rl.release"]
    assert events_of(server, "RL.RELEASE k x", "RL.RELEASE n a") == []
    assert events_of(server, "RL.RELEASE k a") == ["rl.release", "del"]
    told = events_of(server, "RL.LIMIT k LEASE 2 1m FIXED 9 1h ID a")
    assert told[-1] == "rl.limit"
    assert events_of(server, "RL.RELEASE k a") == ["rl.release"], "the rate is there still"


def test_a_denied_lease_is_an_event_where_that_is_switched_on(new_server: NewServer) -> None:
    lines = {"notify-keyspace-events": "KEd", "ratelimit.notify-denied": "yes"}
    server = new_server(config=lines)
    for line in (
        "RL.LEASE k 0 1m a",
        "RL.LIMIT k LEASE 0 1m ID a",
        "RL.LIMIT k LEASE 0 1m FIXED 9 1m ID a",
        "RL.ALL other LEASE 9 1m AND k LEASE 0 1m FIXED 9 1m ID a",
    ):
        assert heard(server, line) == [("keyspace@0:k", "rl.denied"), ("keyevent@0:rl.denied", "k")]
    assert heard(server, "RL.RENEW k 1m a", "RL.RELEASE k a", "RL.LEASE k 0 1m a COST 0") == []


def test_who_is_denied_a_place_is_in_rl_top(raw: RawConnection) -> None:
    run(raw, "RL.LEASE k 0 1m a")
    run(raw, "RL.LIMIT k LEASE 0 1m FIXED 9 1h ID a")
    run(raw, "RL.ALL k LEASE 0 1m AND other LEASE 9 1m ID a")
    run(raw, "RL.LEASE k 1 1m a")
    assert run(raw, "RL.TOP") == [[b"k", 3]]


# Who watches


@pytest.mark.parametrize(
    ("line", "is_change"),
    [
        ("RL.LEASE k 9 1m new", True),
        ("RL.LEASE k 9 1m a", True),
        ("RL.RENEW k 1m a", True),
        ("RL.RELEASE k a", True),
        ("RL.RELEASE k a b", True),
        ("RL.LEASE k 9 1m a COST 0", False),
        ("RL.LEASE k 0 1m new", False),
        ("RL.RENEW k 1m x", False),
        ("RL.RELEASE k x", False),
        ("RL.PEEK k", False),
    ],
)
def test_watch_and_caches(server: Server, raw: RawConnection, line: str, is_change: bool) -> None:
    take(raw, "k", "a", "b")
    with server.raw() as cache:
        cache("HELLO", 3)
        cache("CLIENT", "TRACKING", "ON")
        cache("RL.PEEK", "k")
        raw("WATCH", "k")
        with server.raw() as other:
            run(other, line)
        raw("MULTI")
        raw("PING")
        assert raw("EXEC") == (None if is_change else [Status("PONG")])
        # The server pushes before it answers what comes later.
        told = cache("PING")
        assert told == ([b"invalidate", [b"k"]] if is_change else Status("PONG"))
