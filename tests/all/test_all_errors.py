"""RL.ALL: what is refused, in words that say which, and with nothing done at any key."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from support import replication
from support.expiry import given_ms
from support.full_memory import OOM, exhaust
from support.keyspace import snapshot
from support.pool import NewServer
from support.resp import Argument, Failure, RawConnection, Reply, Status
from support.server import Server
from support.untouched import nothing_written
from support.verdicts import clauses

pytestmark = pytest.mark.all_servers

BEGINNINGS = "FIXED, SLIDING, LOG, TOKEN, LEAKY, LEASE, SHADOW, BAN or POLICY"
PERIOD = (
    "an integer of seconds, or one with a suffix of ms, s, m, h, d or w in lower case, "
    "from 1ms to 366d, without sign or leading zero, not "
)
WRONG_TYPE = Failure("WRONGTYPE Operation against a key holding the wrong kind of value")
NINE = " AND ".join(f"k{n} FIXED 5 1m" for n in range(9))
SIXTEEN = " ".join(f"FIXED 9 {n}s" for n in range(1, 17))


def ask(raw: RawConnection, line: str) -> Reply:
    return raw("RL.ALL", *line.split())


def number(name: str, least: int, was: str) -> str:
    """The error about a number."""
    allowed = f"an integer from {least} to 1000000000000, without sign or leading zero"
    return f"{name} must be {allowed}, not '{was}'"


def no_clause(group: int) -> str:
    """The error about a key without a clause."""
    what = "at least one clause must come before COST and ID"
    return f"group {group}: {what}, and begin with {BEGINNINGS}"


REFUSED = {
    # Keys.
    "a FIXED 5 1m AND a LOG 5 1m": (
        "group 2 has the same key as group 1, each key may be named once"
    ),
    "a FIXED 5 1m AND b FIXED 5 1m AND c LOG 5 1m AND b LOG 5 1m": (
        "group 4 has the same key as group 2, each key may be named once"
    ),
    NINE: "too many groups, a call may have at most 8",
    "a FIXED 5 1m AND": "AND must be followed by a key and its clauses",
    "a FIXED 5 1m COST 2 AND": "AND must be followed by a key and its clauses",
    # Clauses.
    "a AND b FIXED 5": no_clause(1),
    "a FIXED 5 1m AND b": no_clause(2),
    "a FIXED 5 1m AND b AND c FIXED 5 1m": no_clause(2),
    "a FIXED 5 1m AND b COST 1 AND c FIXED 5 1m": no_clause(2),
    "a FIXED 5 1m AND b ID x": no_clause(2),
    f"a {SIXTEEN} AND b LOG 5 1m": "too many clauses, a call may have at most 16",
    "a FIXED 5 1m AND b LOG 5 1m FIXED 5 1m LOG 6 60": (
        "clause 4 has the same algorithm and period as clause 2, each limiter may be named once"
    ),
    "a FIXED 5 1m AND b FIXED 5": "clause 2 is incomplete, it must be FIXED limit period",
    "a FIXED 5 1m AND b TOKEN 5 1 AND": f"clause 2: period must be {PERIOD}'AND'",
    "a FIXED 5 1m AND b FIXED 05 1m": number("clause 2: limit", 0, "05"),
    "a FIXED 5 1m LOG 5 1m AND b TOKEN 5 0 1m": (number("clause 3: refill", 1, "0")),
    "a FIXED 5 1m AND b LOG 1000001 1m": (
        "clause 2: limit must be an integer from 0 to 1000000, without sign or leading zero, "
        "not '1000001'"
    ),
    "a FIXED 5 1m AND b NOPE 5 1m": f"clause 2 must begin with {BEGINNINGS}, not 'NOPE'",
    "a FIXED 5 1m b FIXED 5 1m": (
        f"clause 2 must begin with {BEGINNINGS}, or be COST n, AND key or ID id, not 'b'"
    ),
    # Places, limits on trial, bans.
    "a FIXED 5 1m AND b LEASE 5 1m": "group 2: LEASE must come with ID id at the end of the call",
    "a LEASE 5 1m COST 0 AND b FIXED 5 1m": (
        "group 1: LEASE must come with ID id at the end of the call"
    ),
    "a FIXED 5 1m AND b LEASE 5 1m LEASE 6 1h ID x": (
        "clause 3 is a second LEASE, a key may have one in a call"
    ),
    "a FIXED 5 1m AND b BAN 5 1m 1m AND c FIXED 5 1m": (
        "group 2: BAN must come with a clause that can refuse: a limit or LEASE"
    ),
    "a FIXED 5 1m BAN 5 1m 1m AND b FIXED 5 1m AND c SHADOW FIXED 5 1m BAN 5 1m 1m": (
        "group 3: BAN must come with a clause that can refuse: a limit or LEASE"
    ),
    "a FIXED 5 1m BAN 5 1m 1m AND b FIXED 5 1m BAN 5 1m 1m BAN 6 1m 1m": (
        "clause 5 is a second BAN, a key may have one in a call"
    ),
    "a FIXED 5 1m AND b SHADOW FIXED 5 1m SHADOW FIXED 6 60": (
        "clause 3 has the same algorithm and period as clause 2, each limiter may be named once"
    ),
    "a FIXED 5 1m AND b SHADOW FIXED 5": "clause 2 is incomplete, it must be SHADOW clause",
    "a FIXED 5 1m AND b FIXED 5 1m BAN 5 1m 1h 1m": (
        "clause 3: max must be at least the ban, '1h', not '1m'"
    ),
    # Policies.
    "a FIXED 5 1m AND b POLICY nope": "there is no policy 'nope'",
    "a FIXED 5 1m AND b POLICY": "clause 2 is incomplete, it must be POLICY name",
    "a POLICY AND b POLICY api": "there is no policy 'AND'",
    # Costs.
    "a FIXED 5 1m COST AND b FIXED 5 1m": number("group 1: COST", 0, "AND"),
    "a FIXED 5 1m AND b FIXED 5 1m COST": (
        "group 2: COST must be followed by an integer from 0 to 1000000000000"
    ),
    "a FIXED 5 1m AND b FIXED 5 1m COST -1": number("group 2: COST", 0, "-1"),
    "a FIXED 5 1m COST 1 COST 2 AND b FIXED 5 1m": (
        "unexpected argument 'COST', only AND key or ID id may follow COST n"
    ),
    "a FIXED 5 1m COST 1 FIXED 5 1h AND b FIXED 5 1m": (
        "unexpected argument 'FIXED', only AND key or ID id may follow COST n"
    ),
    # Ids, which come last.
    "a FIXED 5 1m AND b FIXED 5 1m ID": "ID must be followed by an id of 1 to 64 bytes",
    f"a FIXED 5 1m AND b FIXED 5 1m ID {'x' * 65}": "id must be 1 to 64 bytes, not 65",
    "a FIXED 5 1m ID x AND b FIXED 5 1m": (
        "unexpected argument 'AND', only KEEP period may follow ID id"
    ),
    "a FIXED 5 1m AND b FIXED 5 1m ID x COST 1": (
        "unexpected argument 'COST', only KEEP period may follow ID id"
    ),
    "a FIXED 5 1m AND b FIXED 5 1m ID x KEEP": "KEEP must be followed by a period from 1ms to 1d",
    "a FIXED 5 1m AND b FIXED 5 1m ID x KEEP 1m AND c FIXED 5 1m": (
        "unexpected argument 'AND', nothing may follow KEEP period"
    ),
}


@pytest.fixture
def filled(server: Server) -> Server:
    """A server that has something at the first key."""
    with server.raw() as raw:
        raw("RL.FIXED", "a", 5, "1m")
    return server


def refused(server: Server, words: Sequence[Argument]) -> Reply:
    """The error that is answered, after which all is as before."""
    with server.raw() as raw, nothing_written(server):
        return raw("RL.ALL", *words)


@pytest.mark.parametrize("line", REFUSED)
def test_an_error_says_which_and_does_nothing(filled: Server, line: str) -> None:
    assert refused(filled, line.split()) == Failure(f"ERR {REFUSED[line]}")


def test_an_id_of_no_bytes(filled: Server) -> None:
    words: list[Argument] = ["a", "FIXED", 5, "1m", "AND", "b", "FIXED", 5, "1m", "ID", ""]
    assert refused(filled, words) == Failure("ERR id must be 1 to 64 bytes, not 0")


def test_too_few_words_are_the_servers_affair(raw: RawConnection) -> None:
    for words in ([], ["a"], ["a", "FIXED"]):
        reply = raw("RL.ALL", *words)
        assert reply == Failure("ERR wrong number of arguments for 'rl.all' command")


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("ending", ["", " COST 0", " ID x"])
def test_a_key_of_another_type_stops_all(
    filled: Server, raw: RawConnection, place: int, ending: str
) -> None:
    raw("LPUSH", "list", 1)
    keys = ["a", "b"]
    keys.insert(place, "list")
    words = " AND ".join(f"{key} FIXED 5 1m" for key in keys) + ending
    assert refused(filled, words.split()) == WRONG_TYPE
    # Refused or not by the others.
    words = words.replace("FIXED 5", "FIXED 0")
    assert refused(filled, words.split()) == WRONG_TYPE


def test_errors_count_one_each(new_server: NewServer) -> None:
    server = new_server()
    with server.raw() as raw:
        for line in REFUSED:
            ask(raw, line)
    told = replication.info(server.client(), "ratelimit")
    assert told["ratelimit_errors"] == len(REFUSED)
    assert told["ratelimit_decisions_allowed"] == told["ratelimit_decisions_denied"] == 0
    assert told["ratelimit_fixed_allowed"] == told["ratelimit_fixed_denied"] == 0


# Policies


def test_policies_stand_for_their_clauses_at_each_key(raw: RawConnection) -> None:
    raw("RL.POLICY", "SET", "api", "TOKEN", 20, 10, "1s", "FIXED", 1000, "1h")
    raw("RL.POLICY", "SET", "and", "FIXED", 5, "1m")
    line = "a POLICY api COST 3 AND b LOG 9 1m policy and AND c POLICY api POLICY and COST 2"
    assert ask(raw, line) == [
        1,
        [1, 20, 17, 0, 300],
        [1, 1000, 997, 0, 3_600_000],
        [1, 9, 8, 0, 60_000],
        [1, 5, 4, 0, 60_000],
        [1, 20, 18, 0, 200],
        [1, 1000, 998, 0, 3_600_000],
        [1, 5, 3, 0, 60_000],
    ]
    written = raw("RL.LIMIT", "d", "TOKEN", 20, 10, "1s", "FIXED", 1000, "1h", "COST", 3)
    assert isinstance(written, list)
    assert raw("RL.PEEK", "a") == raw("RL.PEEK", "d")
    raw("RL.POLICY", "DEL", "and")
    before = snapshot(raw)
    assert ask(raw, line) == Failure("ERR there is no policy 'and'")
    assert snapshot(raw) == before
    raw("RL.POLICY", "DEL", "api")


def test_a_policys_counts_are_of_calls_that_name_it(new_server: NewServer) -> None:
    server = new_server()
    with server.raw() as raw:
        raw("RL.POLICY", "SET", "api", "FIXED", 2, "1m")
        raw("RL.POLICY", "SET", "sms", "LOG", 9, "1m")
        line = "a POLICY api AND b POLICY api POLICY sms AND c POLICY api"
        verdicts = [clauses(ask(raw, line))[0] for _ in range(5)]
        assert verdicts == [1, 1, 0, 0, 0]
        ask(raw, "a POLICY api AND b POLICY nope")
    told = replication.info(server.client(), "ratelimit")
    for name in ("api", "sms"):
        assert told[f"ratelimit_policy_{name}_allowed"] == 2
        assert told[f"ratelimit_policy_{name}_denied"] == 3


def test_policies_fill_the_sixteen_clauses_too(raw: RawConnection) -> None:
    raw("RL.POLICY", "SET", "nine", *" ".join(f"FIXED 9 {n}s" for n in range(1, 10)).split())
    before = snapshot(raw)
    reply = raw("RL.ALL", "a", "POLICY", "nine", "AND", "b", "POLICY", "nine")
    assert reply == Failure("ERR too many clauses, a call may have at most 16")
    assert snapshot(raw) == before
    raw("RL.POLICY", "DEL", "nine")


# Memory


@pytest.mark.parametrize(
    "group",
    ["new FIXED 5 1m", "a FIXED 5 2m", "log LOG 9 1m", "a FIXED 5 1m COST 1 ID x"],
    ids=["a key", "a limiter", "an entry", "a receipt"],
)
@pytest.mark.parametrize("first", [True, False])
def test_memory_that_one_key_lacks_stops_all(
    new_server: NewServer, group: str, first: bool
) -> None:
    server = new_server()
    with server.raw() as raw:
        raw("RL.FIXED", "a", 5, "1m")
        raw("RL.FIXED", "b", 5, "1m")
        raw("RL.LOG", "log", 9, "1m")
        server.clock.advance(1)
        group, _, ending = group.partition(" COST 1")
        groups = [group, "b FIXED 5 1m"] if first else ["b FIXED 5 1m", group]
        exhaust(raw)
        before = snapshot(raw)
        words = (" AND ".join(groups) + ending).split()
        assert raw("RL.ALL", *words) == OOM
        assert snapshot(raw) == before
        # What needs none goes on: what stands already, what is refused, a look.
        denied = " AND ".join([*groups, "c FIXED 0 1m"]) + ending
        assert clauses(raw("RL.ALL", *denied.split()))[0] == 0
        assert snapshot(raw) == before
        looked = " AND ".join(f"{group} COST 0" for group in groups) + ending
        assert clauses(raw("RL.ALL", *looked.split()))[0] == 1
        assert snapshot(raw) == before
        reply = ask(raw, "a FIXED 5 1m AND b FIXED 5 1m COST 2")
        assert reply == [1, [1, 5, 3, 0, 59_999], [1, 5, 2, 0, 59_999]]
        raw("CONFIG", "SET", "maxmemory", 0)
        assert clauses(raw("RL.ALL", *words))[0] == 1


def test_moves_of_the_clock_need_no_memory(new_server: NewServer) -> None:
    server = new_server()
    with server.raw() as raw:
        ask(raw, "a FIXED 5 1m AND b TOKEN 5 1 1m AND c LOG 1 1m")
        server.clock.advance(-30_000)
        exhaust(raw)
        reply = ask(raw, "a FIXED 5 1m AND b TOKEN 5 1 1m AND c LOG 1 1m")
        assert [each[0] for each in clauses(reply)[1]] == [1, 1, 0]
        assert [raw("PTTL", key) for key in "abc"] == [given_ms(60_000)] * 3


def test_within_a_transaction_the_others_go_on(new_server: NewServer) -> None:
    with new_server().raw() as raw:
        raw("SET", "string", "v")
        raw("MULTI")
        for line in ("a FIXED 5 1m AND string FIXED 5 1m", "a FIXED 5 1m AND b FIXED 5 1m"):
            assert ask(raw, line) == Status("QUEUED")
        assert raw("EXEC") == [WRONG_TYPE, [1, [1, 5, 4, 0, 60_000], [1, 5, 4, 0, 60_000]]]
