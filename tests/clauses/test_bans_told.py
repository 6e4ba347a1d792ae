"""BAN: what is written and told of it, with several keys, in policies, and to operators."""

from __future__ import annotations

import pytest

from support import replication
from support.aof import rewrite_aof
from support.effects import effects
from support.events import heard
from support.lines import run
from support.pool import NewServer
from support.resp import Failure, RawConnection, Status
from support.server import Server
from support.stream import Stream, transactions
from support.told import told
from support.untouched import nothing_written
from support.verdicts import clauses, rows

pytestmark = pytest.mark.all_servers

MINUTE_MS = 60_000
CALL = "RL.LIMIT k FIXED 1 1h BAN 3 1m 5m 1h"
DENIED = {"notify-keyspace-events": "Kd", "ratelimit.notify-denied": "yes"}


def begin(raw: RawConnection, line: str = CALL) -> int:
    """Call until a ban begins; how many calls that takes."""
    for number in range(1, 30):
        if clauses(run(raw, line))[1][-1][0] == 0:
            return number
    raise AssertionError("no ban began")


# What is written


def test_a_cycle_is_a_refusal_that_tells_and_those_that_count(new_server: NewServer) -> None:
    server = new_server()
    with server.raw() as raw, Stream(server) as stream:
        run(raw, CALL)
        assert len(stream.sent()) == 1
        for what in ("the refusal that tells", "1 of 3", "2 of 3", "3 of 3"):
            run(raw, CALL)
            assert len(stream.sent()) == 1, what
        for _ in range(50):
            server.clock.advance(1_000)
            run(raw, CALL)
            run(raw, f"{CALL} COST 0")
            run(raw, f"{CALL} ID x")
        assert stream.sent() == [], "nothing while it lasts"
        # What the last refusal told is not over with the ban: a cycle writes three now.
        for _ in range(2):
            left = clauses(run(raw, CALL))[1][-1][3]
            server.clock.advance(left)
            assert begin(raw) == 3
            assert len(stream.sent()) == 3


def test_an_aof_has_as_much(new_server: NewServer) -> None:
    server = new_server(config={"appendonly": "yes", "appendfsync": "always"})
    with server.raw() as raw:
        for _ in range(100):
            run(raw, CALL)
        assert len(effects(server)) == 1 + 1 + 3
        rewrite_aof(server)
        run(raw, CALL)
        assert effects(server) == []


def test_a_banned_call_is_no_change(new_server: NewServer) -> None:
    server = new_server()
    with server.raw() as raw, server.raw() as tracking:
        begin(raw)
        tracking("HELLO", 3)
        tracking("CLIENT", "TRACKING", "ON")
        run(tracking, "RL.PEEK k")
        with nothing_written(server):
            for _ in range(9):
                run(raw, CALL)
        assert tracking("PING") == Status("PONG"), "nothing was pushed before it"
        # A refusal that is written down is one.
        server.clock.advance(5 * MINUTE_MS)
        with pytest.raises(AssertionError), nothing_written(server):
            run(raw, CALL)


def test_a_refusal_gives_the_key_a_time_to_live(raw: RawConnection) -> None:
    run(raw, "RL.LIMIT k FIXED 0 1s BAN 3 10m 5m 1h")
    assert run(raw, "EXISTS k") == 1
    assert run(raw, "PTTL k") == 750_000, "ten minutes, and a quarter more"
    assert begin(raw, "RL.LIMIT k FIXED 0 1s BAN 3 10m 5m 1h") == 3
    assert run(raw, "PTTL k") == 65 * MINUTE_MS * 5 // 4


# Several keys


ALL = "RL.ALL a FIXED 1 1h BAN 1 1m 5m AND b FIXED 9 1h BAN 1 1m 7m"


def test_each_key_counts_the_refusals_by_its_own_limits(new_server: NewServer) -> None:
    server = new_server()
    with server.raw() as raw:
        run(raw, ALL)
        told_by = [clauses(run(raw, ALL))[1] for _ in range(2)]
        assert [verdicts[1] for verdicts in told_by] == [
            [1, 1, 1, 0, 60 * MINUTE_MS],
            [0, 1, 0, 5 * MINUTE_MS, 60 * MINUTE_MS],
        ]
        assert [verdicts[3] for verdicts in told_by] == [[1, 1, 1, 0, 0]] * 2
        # While one key bars, nothing counts at any.
        run(raw, "RL.FIXED b 9 1h COST 8")
        with nothing_written(server):
            for _ in range(9):
                assert clauses(run(raw, f"{ALL} COST 2"))[1][3] == [1, 1, 1, 0, 0]
            assert clauses(run(raw, ALL.replace("1h BAN 1 1m 7m", "1h COST 0")))[0] == 0
        server.clock.advance(5 * MINUTE_MS)
        run(raw, "DEL a")
        for left in (1, 0):
            verdicts = clauses(run(raw, f"{ALL} COST 2"))[1]
            assert [verdicts[1][2], verdicts[3][2]] == [1, left]
        assert told(raw)["bans_started"] == 2
        assert rows(run(raw, "RL.PEEK a")) == [], "charged by none"


def test_what_reaches_replicas_is_one_transaction(new_server: NewServer) -> None:
    server = new_server()
    line = "RL.ALL a FIXED 0 1h BAN 2 1m 5m AND b FIXED 9 1h AND c LOG 0 1h BAN 2 1m 5m"
    with server.raw() as raw, Stream(server) as stream:
        for _ in range(6):
            run(raw, line)
        assert transactions(stream.sent()) == [[b"a", b"c"]] * 3
    with server.raw() as raw:
        assert raw("EXISTS", "b") == 0


def test_a_group_of_cost_0_counts_nothing(raw: RawConnection) -> None:
    run(raw, "RL.FIXED a 9 1h COST 9")
    line = "RL.ALL a FIXED 5 1h BAN 1 1m 5m COST 0 AND b FIXED 0 1h BAN 9 1m 5m"
    for left in (9, 8, 7):
        verdicts = clauses(run(raw, line))[1]
        assert [verdicts[1][2], verdicts[3][2]] == [1, left]


# Policies


def test_a_policy_of_a_ban_alone_may_be_kept(raw: RawConnection) -> None:
    assert run(raw, "RL.POLICY SET shut BAN 1 1m 5m") == Status("OK")
    alone = Failure("ERR BAN must come with a clause that can refuse: a limit or LEASE")
    assert run(raw, "RL.LIMIT k POLICY shut") == alone
    assert run(raw, "RL.LIMIT k SHADOW FIXED 1 1m POLICY shut") == alone
    assert run(raw, "RL.ALL k FIXED 1 1m AND j POLICY shut") == Failure(
        f"ERR group 2: {alone.text.removeprefix('ERR ')}"
    )
    assert run(raw, "EXISTS k j") == 0
    line = "RL.LIMIT k POLICY shut FIXED 1 1h"
    assert run(raw, line) == [1, [1, 1, 1, 0, 0], [1, 1, 0, 0, 60 * MINUTE_MS]]
    assert [clauses(run(raw, line))[1][0][0] for _ in range(3)] == [1, 0, 0]
    # It is the key that is banned, whichever policy a call names.
    run(raw, "RL.POLICY SET other LOG 9 1h BAN 7 1m 5m")
    assert clauses(run(raw, "RL.LIMIT k POLICY other"))[0] == 0
    assert clauses(run(raw, "RL.LIMIT k POLICY shut LEASE 9 1m ID x"))[0] == 0
    run(raw, "RL.POLICY DEL shut other")


def test_a_policy_counts_calls_that_are_banned_as_denied(new_server: NewServer) -> None:
    with new_server().raw() as raw:
        run(raw, "RL.POLICY SET p FIXED 1 1h BAN 1 1m 5m")
        for _ in range(6):
            run(raw, "RL.LIMIT k POLICY p")
        found = told(raw)
        assert (found["policy_p_allowed"], found["policy_p_denied"]) == (1, 5)
        assert (found["decisions_allowed"], found["decisions_denied"]) == (1, 5)
        assert (found["fixed_allowed"], found["fixed_denied"]) == (1, 5)
        assert found["bans_started"] == 1
        assert run(raw, "RL.TOP") == [[b"k", 5]]


# Events


def test_each_ban_is_an_event(new_server: NewServer) -> None:
    server = new_server(config=DENIED)
    line = "RL.LIMIT k FIXED 1 1h BAN 1 1m 5m"
    told_of = [said for _, said in heard(server, line, line, line, line)]
    assert told_of == [
        "rl.limit",
        *("rl.limit", "rl.denied"),
        *("rl.limit", "rl.denied", "rl.banned"),
        "rl.denied",
    ]
    both = "RL.ALL a FIXED 0 1h BAN 1 1m 5m AND b FIXED 0 1h BAN 1 1m 5m"
    events = heard(server, both, both)
    assert sorted(key for key, said in events if said == "rl.banned") == [
        "keyspace@0:a",
        "keyspace@0:b",
    ]
    server.client().execute_command("DEL", "k")
    off = "CONFIG SET ratelimit.notify-denied no"
    assert [said for _, said in heard(server, off, line, line, line)] == ["rl.limit"] * 3


def test_a_replica_counts_and_tells_no_bans(new_server: NewServer) -> None:
    primary, replica = new_server(), new_server(config=DENIED)
    replication.attach(replica, primary)
    with primary.raw() as raw, replica.raw() as there:
        begin(raw)
        replication.wait_in_sync(primary, replica)
        assert told(raw)["bans_started"] == 1
        assert told(there)["bans_started"] == 0
        assert run(there, "RL.PEEK k") == run(raw, "RL.PEEK k")


# Scripts and transactions


def test_within_transactions_and_scripts(new_server: NewServer) -> None:
    server: Server = new_server()
    with server.raw() as raw:
        raw("MULTI")
        for _ in range(4):
            run(raw, "RL.LIMIT k FIXED 0 1h BAN 2 1m 5m")
        replies = raw("EXEC")
        assert isinstance(replies, list)
        assert [clauses(reply)[1][1][2] for reply in replies] == [2, 1, 0, 0]
        script = """
            local told = {}
            for i = 1, 4 do
                local clauses = {'FIXED', 0, '1h', 'BAN', 2, '1m', '5m'}
                told[i] = redis.call('RL.LIMIT', KEYS[1], unpack(clauses))[3][3]
            end
            return told
        """
        assert raw("EVAL", script, 1, "j") == [2, 1, 0, 0]
