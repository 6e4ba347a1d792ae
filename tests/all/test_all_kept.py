"""RL.ALL: what it did at all its keys is kept together, on replicas, in files and after kill -9."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support import replication
from support.aof import rewrite_aof
from support.effects import commands
from support.eventually import eventually
from support.histories import HOUR_MS, assert_same_on_replica, state
from support.pool import NewServer
from support.resp import Argument, Failure, RawConnection, Reply
from support.server import Server
from support.stream import Commands, Stream, transactions
from support.verdicts import clauses, rows

pytestmark = pytest.mark.all_servers

AOF = {"appendonly": "yes", "appendfsync": "always"}
# A replica that cannot carry out what it is sent ends, and the test with it.
REPLICA = {"propagation-error-behavior": "panic", "repl-diskless-sync": "no"}


def ask(raw: RawConnection, line: str) -> Reply:
    return raw("RL.ALL", *line.split())


# What is written

# What each call sends: the keys of its effects, together.
SENDS: tuple[tuple[str, list[bytes]], ...] = (
    ("a FIXED 9 1h AND b LOG 9 1h AND c TOKEN 9 1 1h LEAKY 9 1 1h", [b"a", b"b", b"c"]),
    ("c FIXED 9 1h AND a FIXED 9 1h", [b"c", b"a"]),
    ("a FIXED 9 1h", [b"a"]),
    ("a FIXED 9 1h COST 0 AND b FIXED 9 1h AND c FIXED 9 1h COST 0", [b"b"]),
    ("a FIXED 9 1h AND b LOG 9 1h ID x", [b"a", b"b"]),
    ("a FIXED 9 1h AND b LOG 9 1h ID x", []),
    ("a FIXED 9 1h AND c FIXED 9 1h ID x", [b"c"]),
    ("a FIXED 9 1h AND b FIXED 0 1h", []),
    ("a FIXED 9 1h COST 0 AND b FIXED 9 1h COST 0", []),
    ("a FIXED 9 1h AND b NOPE 0 1h", []),
    ("a FIXED 9 1h AND a LOG 9 1h", []),
)
SENT = [keys for _, keys in SENDS if keys]


def send_all(raw: RawConnection) -> None:
    for line, _ in SENDS:
        ask(raw, line)


def written(server: Server) -> Commands:
    """What is in the AOF since its base."""
    files = sorted((server.folder / "appendonlydir").glob("*.incr.aof"))
    return [command for file in files for command in commands(file.read_bytes())]


def test_the_aof_holds_one_transaction_for_each_call(new_server: NewServer) -> None:
    server = new_server(config=AOF)
    with server.raw() as raw:
        send_all(raw)
        assert transactions(written(server)) == SENT


def test_replicas_are_sent_one_transaction_for_each_call(new_server: NewServer) -> None:
    server = new_server()
    with server.raw() as raw, Stream(server) as stream:
        for line, keys in SENDS:
            ask(raw, line)
            assert transactions(stream.sent()) == ([keys] if keys else []), line


def test_within_transactions_and_scripts_it_is_a_part_of_them(new_server: NewServer) -> None:
    server = new_server()
    script = """
        redis.call('RL.ALL', KEYS[1], 'FIXED', 9, '1h', 'AND', KEYS[2], 'LOG', 9, '1h')
        redis.call('RL.FIXED', KEYS[1], 9, '1m')
        return redis.call('RL.ALL', KEYS[1], 'FIXED', 0, '1h', 'AND', KEYS[2], 'LOG', 9, '1h')
    """
    with server.raw() as raw, Stream(server) as stream:
        raw("MULTI")
        ask(raw, "a FIXED 9 1h AND b LOG 9 1h")
        raw("RL.FIXED", "a", 9, "1h")
        ask(raw, "b FIXED 9 1h AND c LOG 9 1h")
        raw("EXEC")
        assert transactions(stream.sent()) == [[b"a", b"b", b"a", b"b", b"c"]]
        assert clauses(raw("EVAL", script, 2, "a", "b"))[0] == 0
        assert transactions(stream.sent()) == [[b"a", b"b", b"a"]]


def test_a_key_that_has_expired_goes_in_the_same_transaction(new_server: NewServer) -> None:
    server = new_server()
    with server.raw() as raw, Stream(server) as stream:
        raw("DEBUG", "SET-ACTIVE-EXPIRE", 0)
        ask(raw, "a FIXED 9 1s AND b FIXED 9 1s")
        stream.sent()
        server.clock.advance(HOUR_MS)
        ask(raw, "a FIXED 9 1s AND b FIXED 9 1s")
        [sent] = transactions(stream.sent())
        assert [each for each in sent if b" " not in each] == [b"a", b"b"]
        assert {each.split()[-1] for each in sent} == {b"a", b"b"}


def test_a_recorded_move_of_a_denied_call_is_one_transaction(new_server: NewServer) -> None:
    server = new_server()
    with server.raw() as raw, Stream(server) as stream:
        ask(raw, "a FIXED 1 1h AND b LOG 9 1h AND c TOKEN 9 1 1h")
        stream.sent()
        server.clock.advance(-1_000)
        assert clauses(ask(raw, "a FIXED 1 1h AND b LOG 9 1h AND c TOKEN 9 1 1h"))[0] == 0
        assert transactions(stream.sent()) == [[b"a", b"b", b"c"]]
        ask(raw, "a FIXED 1 1h AND b LOG 9 1h AND c TOKEN 9 1 1h")
        assert transactions(stream.sent()) == []


# What is kept


def test_replicas_and_files_hold_the_same(new_server: NewServer) -> None:
    primary, replica = new_server(config=AOF), new_server(config=REPLICA)
    replica.clock.advance(HOUR_MS)
    replication.attach(replica, primary)
    replica.client().config_resetstat()
    with primary.raw() as raw:
        send_all(raw)
    kept = assert_same_on_replica(primary, replica)
    assert set(kept) == {b"a", b"b", b"c"}
    calls = replication.calls(replica.client())
    assert {name for name in calls if name.startswith("rl.")} == {"rl.apply"}
    primary.restart()
    assert state(primary) == kept
    rewrite_aof(primary)
    primary.kill9()
    primary.start()
    assert state(primary) == kept


def test_a_repeat_is_one_still_after_a_restart_and_on_a_new_primary(new_server: NewServer) -> None:
    line = "a FIXED 9 1h COST 3 AND b LEAKY 9 1 1m COST 2 AND c TOKEN 9 1 1h ID x KEEP 1h"
    primary, replica = new_server(config=AOF), new_server(config=REPLICA)
    replication.attach(replica, primary)
    with primary.raw() as raw:
        first = ask(raw, line)
        replication.wait_in_sync(primary, replica)
    with replica.raw() as reading:
        refused = ask(reading, line)
        assert isinstance(refused, Failure)
        assert refused.text.startswith("READONLY ")
    primary.kill9()
    primary.start()
    replication.promote(replica)
    for server in (primary, replica):
        with server.raw() as raw:
            assert ask(raw, line) == first, server
            assert raw("RL.SETTLE", "a", "x", 1) == 1
            assert clauses(ask(raw, line))[1][0] == [1, 9, 8, 0, HOUR_MS]
            assert clauses(ask(raw, line))[1][2] == [1, 9, 8, 0, HOUR_MS]


def used(server: Server, key: Argument) -> list[int]:
    """What is used of each limiter at a key, by its own numbers."""
    with server.raw() as raw:
        return [int(str(row[1])) - int(str(row[4])) for row in rows(raw("RL.PEEK", key))]


def test_an_aof_that_ends_within_a_transaction_keeps_none_of_it(new_server: NewServer) -> None:
    server = new_server(config=AOF)
    line = "a FIXED 99 1h AND b LOG 99 1h COST 2 AND c TOKEN 99 1 1h COST 3 ID {}"
    with server.raw() as raw:
        ask(raw, line.format("x"))
        [file] = (server.folder / "appendonlydir").glob("*.incr.aof")
        first = file.stat().st_size
        ask(raw, line.format("y"))
    whole = file.read_bytes()
    names = [b"MULTI", b"rl.apply", b"EXEC"]
    at = [first + place for place in places(whole[first:].lower(), [n.lower() for n in names])]
    assert len(at) == 5
    cuts = sorted({*at, *range(first, len(whole), 23), len(whole) - 1, len(whole)})
    for cut in cuts:
        server.kill9()
        file.write_bytes(whole[:cut])
        server.start()
        times = 2 if cut == len(whole) else 1
        assert [used(server, key) for key in "abc"] == [[times], [2 * times], [3 * times]], cut
        with server.raw() as raw:
            # Whoever was not kept is charged now, and whoever was kept is not.
            assert clauses(ask(raw, line.format("y")))[0] == 1
        assert [used(server, key) for key in "abc"] == [[2], [4], [6]], cut


def places(data: bytes, words: list[bytes]) -> Iterator[int]:
    """Where any of the words is."""
    at = 0
    while found := [place for word in words if (place := data.find(word, at)) >= 0]:
        at = min(found) + 1
        yield at


def test_an_aof_asks_no_more_of_the_default_user_than_to_apply(new_server: NewServer) -> None:
    """Some servers carry out the transactions of their AOF with that user's rights."""
    rules = "off ~* -@all +rl.apply +select +del"
    users = [f"default {rules}", "admin on nopass ~* &* +@all"]
    server = new_server(config={**AOF, "user": users})
    line = "a FIXED 9 1s AND b LOG 9 1h AND c TOKEN 9 1 1h ID x"
    with server.raw() as raw:
        raw("AUTH", "admin", "any")
        raw("DEBUG", "SET-ACTIVE-EXPIRE", 0)
        raw("SELECT", 3)
        ask(raw, line)
        server.clock.advance(10_000)
        ask(raw, line.replace("ID x", "ID y"))
        kept = [raw("RL.PEEK", key) for key in "abc"]
        assert [len(rows(peeked)) for peeked in kept] == [1, 1, 1]
    server.kill9()
    server.start()
    with server.raw() as raw:
        raw("AUTH", "admin", "any")
        eventually(lambda: not isinstance(raw("PING"), Failure))
        raw("SELECT", 3)
        assert [raw("RL.PEEK", key) for key in "abc"] == kept
