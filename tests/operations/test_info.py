"""INFO ratelimit: exact counts of decisions, errors and evictions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pytest

from support import replication
from support.eventually import eventually
from support.kinds import Kind
from support.pool import NewServer
from support.resp import Failure, RawConnection, Status
from support.server import Server

pytestmark = pytest.mark.all_servers

ALGORITHMS = ("fixed", "sliding", "log", "token", "leaky")
FIELDS = [
    *("decisions_allowed", "decisions_denied"),
    *(f"{name}_{verdict}" for name in ALGORITHMS for verdict in ("allowed", "denied")),
    "errors",
    *("repeats", "settled_less", "settled_more", "settled_unknown", "receipts_dropped"),
    *("leases_released", "leases_ended"),
    *("shadow_allowed", "shadow_denied", "shadow_skipped", "bans_started"),
    *("policies", "keys_evicted", "effects_sent", "effects_unheard", "fast_replies"),
]
COUNTED = ["count-evictions", "yes"]
MEGABYTE = 2**20

Counts = dict[str, int]


def counts(raw: RawConnection, section: str = "ratelimit") -> Counts:
    """The module's numbers in INFO, in their order."""
    text = raw("INFO", section)
    assert isinstance(text, bytes)
    lines = text.decode().split("# ratelimit\r\n")[1].split("\r\n\r\n")[0].split()
    pairs = [line.removeprefix("ratelimit_").split(":") for line in lines]
    return {name: int(number) for name, number in pairs}


def added(raw: RawConnection, lines: Sequence[str]) -> Counts:
    """What these calls add, effects left out; none that are 0."""
    before = counts(raw)
    for line in lines:
        raw(*line.split())
    after = counts(raw)
    differences = {name: after[name] - before[name] for name in after}
    return {name: n for name, n in differences.items() if n and "effects" not in name}


def test_the_fields(raw: RawConnection) -> None:
    for section in ("ratelimit", "everything", "modules", "RateLimit"):
        assert list(counts(raw, section)) == FIELDS, section
    told = raw("INFO", "ratelimit")
    assert isinstance(told, bytes)
    assert told.startswith(b"# ratelimit\r\nratelimit_decisions_allowed:")


def test_they_are_not_among_the_default_sections(raw: RawConnection) -> None:
    told = raw("INFO")
    assert isinstance(told, bytes)
    assert b"ratelimit_" not in told


def test_all_begin_at_0_and_again_after_a_restart(new_server: NewServer, kind: Kind) -> None:
    at_first = {**dict.fromkeys(FIELDS, 0), "fast_replies": int(kind.was_read)}
    server = new_server(config={"save": "3600 1"})
    with server.raw() as raw:
        assert counts(raw) == at_first
        raw("RL.FIXED", "k", 5, "1m")
        raw("CONFIG", "RESETSTAT")
        assert counts(raw)["decisions_allowed"] == 1
    server.restart()
    with server.raw() as raw:
        assert counts(raw) == at_first


ONE_ALLOWED = "decisions_allowed"
ONE_DENIED = "decisions_denied"

# What each call adds, by one each.
CALLS = {
    "RL.FIXED k 5 1m": (ONE_ALLOWED, "fixed_allowed"),
    "RL.FIXED k 5 1m COST 0": (ONE_ALLOWED, "fixed_allowed"),
    "RL.FIXED k 5 1m COST 5000": (ONE_DENIED, "fixed_denied"),
    "RL.FIXED k 0 1m": (ONE_DENIED, "fixed_denied"),
    "RL.SLIDING k 5 1m": (ONE_ALLOWED, "sliding_allowed"),
    "RL.SLIDING k 0 1m": (ONE_DENIED, "sliding_denied"),
    "RL.LOG k 5 1m COST 4": (ONE_ALLOWED, "log_allowed"),
    "RL.LOG k 0 1m": (ONE_DENIED, "log_denied"),
    "RL.TOKEN k 5 1 1m": (ONE_ALLOWED, "token_allowed"),
    "RL.TOKEN k 0 1 1m": (ONE_DENIED, "token_denied"),
    "RL.LEAKY k 5 1 1m": (ONE_ALLOWED, "leaky_allowed"),
    "RL.LEAKY k 0 1 1m": (ONE_DENIED, "leaky_denied"),
    "RL.THROTTLE k 5 1 1m": (ONE_ALLOWED, "token_allowed"),
    "RL.THROTTLE k 5 1 1m 0": (ONE_ALLOWED, "token_allowed"),
    "CL.THROTTLE k 5 1 1m 7": (ONE_DENIED, "token_denied"),
    "RL.LIMIT k FIXED 5 1m": (ONE_ALLOWED, "fixed_allowed"),
    "RL.LIMIT k FIXED 5 1m SLIDING 5 1m LOG 5 1m TOKEN 5 1 1m LEAKY 5 1 1m": (
        *(ONE_ALLOWED, "fixed_allowed", "sliding_allowed"),
        *("log_allowed", "token_allowed", "leaky_allowed"),
    ),
    # Denied as a whole, each clause by its own verdict.
    "RL.LIMIT k FIXED 5 1m SLIDING 0 1m LOG 5 1m TOKEN 0 1 1m LEAKY 5 1 1m": (
        *(ONE_DENIED, "fixed_allowed", "sliding_denied"),
        *("log_allowed", "token_denied", "leaky_allowed"),
    ),
    "RL.LIMIT k LOG 5 1m LEAKY 0 1 1m COST 0": (ONE_ALLOWED, "log_allowed", "leaky_allowed"),
    "RL.FIXED k 5 1m ID a": (ONE_ALLOWED, "fixed_allowed"),
    "RL.LIMIT k FIXED 5 1m LOG 0 1m ID a": (ONE_DENIED, "fixed_allowed", "log_denied"),
    # A place has no count of verdicts, only what it decides.
    "RL.LEASE k 5 1m a": (ONE_ALLOWED,),
    "RL.LEASE k 5 1m a COST 0": (ONE_ALLOWED,),
    "RL.LEASE k 0 1m a": (ONE_DENIED,),
    "RL.LIMIT k LEASE 5 1m ID a": (ONE_ALLOWED,),
    "RL.LIMIT k FIXED 5 1m LEASE 0 1m ID a": (ONE_DENIED, "fixed_allowed"),
    "RL.LIMIT k FIXED 0 1m LEASE 5 1m ID a": (ONE_DENIED, "fixed_denied"),
    # No decision.
    "RL.RENEW k 1m a": (),
    "RL.RELEASE k a": (),
    "RL.SETTLE k a 1": ("settled_unknown",),
    "RL.PEEK k": (),
    "RL.HELP": (),
    "RL.VERSION": (),
    "RL.TOP": (),
    "SET other v": (),
    # Errors that the module answers.
    "RL.FIXED k x 1m": ("errors",),
    "RL.FIXED k 5 1x": ("errors",),
    "RL.LIMIT k FIXED 5 1m FIXED 5 1m": ("errors",),
    "RL.TOP x": ("errors",),
    "RL.APPLY k effect": ("errors",),
    "RL.FIXED string 5 1m": ("errors",),
    "RL.PEEK string": ("errors",),
    "RL.SETTLE string a 1": ("errors",),
    "RL.SETTLE k a x": ("errors",),
    "RL.FIXED k 5 1m ID": ("errors",),
    "RL.LEASE k x 1m a": ("errors",),
    "RL.RENEW string 1m a": ("errors",),
    "RL.RELEASE string a": ("errors",),
    # Errors of the server's own.
    "RL.FIXED k 5": (),
    "RL.HELP me": (),
    "RL.NONE k": (),
}


@pytest.mark.parametrize("line", CALLS)
def test_a_call(raw: RawConnection, line: str) -> None:
    raw("SET", "string", "v")
    assert added(raw, [line]) == dict.fromkeys(CALLS[line], 1)


def test_the_same_clause_twice_under_other_periods(raw: RawConnection) -> None:
    line = "RL.LIMIT k FIXED 5 1m FIXED 0 1h FIXED 5 1d"
    assert added(raw, [line]) == {ONE_DENIED: 1, "fixed_allowed": 2, "fixed_denied": 1}


def test_charges_with_an_id(raw: RawConnection) -> None:
    both = "RL.LIMIT k FIXED 5 1m TOKEN 9 1 1h COST 2 ID a"
    assert added(raw, [both]) == {ONE_ALLOWED: 1, "fixed_allowed": 1, "token_allowed": 1}
    # A repeat is allowed, and counted once, not by its clauses.
    twice = {ONE_ALLOWED: 2, "fixed_allowed": 2, "token_allowed": 2, "repeats": 2}
    assert added(raw, [both, both]) == twice
    assert added(raw, ["RL.LIMIT k FIXED 5 1m COST 0 ID a"]) == {ONE_ALLOWED: 1, "fixed_allowed": 1}
    assert added(raw, ["RL.FIXED k 5 1m ID a"]) == {"errors": 1}, "the id of another call"
    # What changes nothing is counted only where the id is unknown.
    assert added(raw, ["RL.SETTLE k a 2"] * 2) == {}
    assert added(raw, ["RL.SETTLE k a 1", "RL.SETTLE k a 0"]) == {"settled_less": 2}
    assert added(raw, ["RL.SETTLE k a 7"] * 2) == {"settled_more": 1}
    assert added(raw, ["RL.SETTLE k b 0", "RL.SETTLE other a 0"]) == {"settled_unknown": 2}


def test_many_calls(raw: RawConnection) -> None:
    assert added(raw, ["RL.FIXED k 300 1m"] * 1_000) == {
        ONE_ALLOWED: 300,
        ONE_DENIED: 700,
        "fixed_allowed": 300,
        "fixed_denied": 700,
    }


def test_within_transactions_and_scripts(raw: RawConnection) -> None:
    before = counts(raw)
    raw("MULTI")
    raw("RL.FIXED", "k", 5, "1m")
    raw("RL.FIXED", "k", "x", "1m")
    raw("EXEC")
    raw("EVAL", "return redis.pcall('RL.FIXED', KEYS[1], 'x', '1m')", 1, "k")
    raw("EVAL", "return redis.pcall('RL.FIXED', KEYS[1], 0, '1m')", 1, "k")
    after = counts(raw)
    told = [after[n] - before[n] for n in ("decisions_allowed", "decisions_denied", "errors")]
    assert told == [1, 1, 2]


def test_what_runs_out_of_memory_is_an_error_and_no_decision(new_server: NewServer) -> None:
    with new_server().raw() as raw:
        raw("RL.FIXED", "k", 5, "1m")
        raw("CONFIG", "SET", "maxmemory", 1)
        calls = ["RL.FIXED new 5 1m", "RL.FIXED k 5 1m", "RL.FIXED new 0 1m"]
        names = ("errors", ONE_ALLOWED, ONE_DENIED, "fixed_allowed", "fixed_denied")
        assert added(raw, calls) == dict.fromkeys(names, 1)


def test_a_replica_decides_nothing(new_server: NewServer) -> None:
    primary, replica = new_server(), new_server()
    replication.attach(replica, primary)
    with primary.raw() as raw, replica.raw() as reading:
        before = counts(reading)
        for line in ("RL.FIXED k 5 1m", "RL.LOG k 5 1m", "RL.FIXED k 0 1m"):
            raw(*line.split())
        replication.wait_in_sync(primary, replica)
        assert counts(raw)["effects_sent"] == 2
        reading("RL.PEEK", "k")
        assert isinstance(reading("RL.FIXED", "k", 5, "1m"), Failure)
        assert counts(reading) == before


# Evictions


def evicted(raw: RawConnection) -> tuple[int, int]:
    """How many keys the server evicted, and how many of them the module counts as its own."""
    text = raw("INFO", "stats")
    assert isinstance(text, bytes)
    of_all = int(text.split(b"\r\nevicted_keys:")[1].split(b"\r\n")[0])
    return of_all, counts(raw)["keys_evicted"]


def full(server: Server, policy: str) -> None:
    """Let a server have room for a megabyte more."""
    with server.raw() as raw:
        text = raw("INFO", "memory")
        assert isinstance(text, bytes)
        used = int(text.split(b"\r\nused_memory:")[1].split(b"\r\n")[0])
        raw("CONFIG", "SET", "maxmemory-policy", policy, "maxmemory", used + MEGABYTE)


def keys_of(raw: RawConnection, kind: str) -> int:
    """How many keys of a type there are."""
    script = """
        local found, cursor = 0, '0'
        repeat
            local told = redis.call('SCAN', cursor, 'COUNT', 10000, 'TYPE', ARGV[1])
            cursor, found = told[1], found + #told[2]
        until cursor == '0'
        return found
    """
    found = raw("EVAL", script, 0, kind)
    assert isinstance(found, int)
    return found


@pytest.mark.parametrize(
    ("policy", "lazy"), [("allkeys-lru", "yes"), ("allkeys-lru", "no"), ("volatile-ttl", "yes")]
)
def test_evicted_limiters_are_counted(new_server: NewServer, policy: str, lazy: str) -> None:
    server = new_server(config={"lazyfree-lazy-eviction": lazy}, module_args=COUNTED)
    full(server, policy)
    with server.raw() as raw:
        for start in range(0, 6_000, 500):
            users = range(start, start + 500)
            raw.pipeline([["RL.FIXED", f"user:{n:07d}", 5, "1h"] for n in users])
            raw.pipeline([["SET", f"page:{n:07d}", "x" * 20, "EX", 9_999] for n in users])
        raw("CONFIG", "SET", "maxmemory", 0)
        of_all, own = evicted(raw)
        assert own == 6_000 - keys_of(raw, "ratelimit") > 0
        assert of_all - own == 6_000 - keys_of(raw, "string")


def test_what_goes_otherwise_is_not_evicted(new_server: NewServer) -> None:
    server = new_server(module_args=COUNTED)
    with server.raw() as raw:
        for key in ("deleted", "unlinked", "set", "expired", "moved", "renamed", "over", "kept"):
            raw("RL.FIXED", key, 5, "1m")
        raw("DEL", "deleted")
        raw("UNLINK", "unlinked")
        raw("SET", "set", "v")
        raw("MOVE", "moved", 1)
        raw("RENAME", "renamed", "over")
        raw("PEXPIRE", "expired", 1)
        server.clock.advance(10)
        assert raw("EXISTS", "expired") == 0
        raw("FLUSHALL")
        assert evicted(raw) == (0, 0)


def test_other_keys_that_are_evicted_are_not_counted(new_server: NewServer) -> None:
    server = new_server(module_args=COUNTED)
    with server.raw() as raw:
        raw("RL.FIXED", "user", 5, "1m")
        raw("DEL", "user")
        full(server, "allkeys-lru")
        for start in range(0, 20_000, 500):
            raw.pipeline([["SET", f"page:{n}", "x" * 100] for n in range(start, start + 500)])
        of_all, own = evicted(raw)
        assert of_all > 1_000
        assert own == 0


def evict_limiters(raw: RawConnection) -> int:
    """Have some keys evicted, all of them limiters; answer how many."""
    before, _ = evicted(raw)
    raw.pipeline([["RL.FIXED", f"user:{number}", 5, "1h"] for number in range(50)])
    raw("CONFIG", "SET", "maxmemory-policy", "allkeys-random", "maxmemory", 1)
    # A command that needs memory has all evicted first, and is then refused.
    assert isinstance(raw("SET", "page", "v"), Failure)
    raw("CONFIG", "SET", "maxmemory", 0)
    assert keys_of(raw, "ratelimit") == 0
    return evicted(raw)[0] - before


def switch(raw: RawConnection, value: str) -> None:
    assert raw("CONFIG", "SET", "ratelimit.count-evictions", value) == Status("OK")


def has_stopped(server: Server, times: int) -> bool:
    return server.log().count(TELLS_NO_LONGER) == times


TELLS = "<ratelimit> evictions are counted\n"
TELLS_NO_LONGER = "<ratelimit> evictions are counted no longer"
END_WITH_RESTART = "; what that costs ends with a restart"


def test_evictions_are_counted_while_that_is_switched_on(new_server: NewServer) -> None:
    server = new_server()
    with server.raw() as raw:
        assert evict_limiters(raw) == 50
        assert evicted(raw) == (50, 0)
        assert TELLS not in server.log(), "it would cost every key"
        switch(raw, "yes")
        # At once: the next command may evict.
        assert evict_limiters(raw) == 50
        assert evicted(raw) == (100, 50)
        assert server.log().count(TELLS) == 1
        switch(raw, "no")
        assert evict_limiters(raw) == 50
        assert evicted(raw) == (150, 50)
        switch(raw, "yes")
        assert evict_limiters(raw) == 50
        assert evicted(raw) == (200, 100)


def test_a_server_that_can_stop_telling_of_evictions_is_asked_to(
    new_server: NewServer, kind: Kind
) -> None:
    server = new_server(module_args=COUNTED)
    with server.raw() as raw:
        assert TELLS in server.log()
        for times in (1, 2):
            switch(raw, "no")
            eventually(partial(has_stopped, server, times))
            end = server.log().split(TELLS_NO_LONGER)[-1].splitlines()[0]
            # Of those that we know only the newest can.
            assert end == ("" if kind.name == "redis-newest" else END_WITH_RESTART)
            switch(raw, "yes")
            assert evict_limiters(raw) == 50
            assert counts(raw)["keys_evicted"] == times * 50
        assert server.log().count(TELLS) == (3 if kind.name == "redis-newest" else 1)


def test_what_went_before_it_was_switched_on_is_not_taken_for_evicted(
    new_server: NewServer,
) -> None:
    server = new_server(module_args=COUNTED)
    with server.raw() as raw:
        raw("RL.FIXED", "page", 5, "1m")
        raw("DEL", "page")
        switch(raw, "no")
        switch(raw, "yes")
        raw("SET", "page", "v")
        raw("CONFIG", "SET", "maxmemory-policy", "allkeys-random", "maxmemory", 1)
        assert isinstance(raw("SET", "other", "v"), Failure)
        assert evicted(raw) == (1, 0)
