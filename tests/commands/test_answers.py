"""Answers handed over in one piece are to the byte those that the server makes of integers."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from support import replication
from support.kinds import Kind
from support.pool import NewServer
from support.resp import Argument, encode
from support.server import Server

pytestmark = pytest.mark.all_servers

END = b"+PONG\r\n"
NOTICE = "COMMAND GETKEYS does not answer"
NOT_READ = "this server's version is not known"
LONGEST_PIECE = 255
NO_PIECE = 107
"""Among the replies that are kept, none is as long."""


def calls() -> Iterator[list[Argument]]:
    """Calls whose answers have all lengths that there are, or nearly so."""
    for digits in range(13):
        limit = 10**digits
        for cost in (0, 1, 10 ** (digits // 2)):
            yield ["RL.FIXED", f"fixed:{digits}", limit, f"{digits + 1}h", "COST", cost]
            yield ["RL.LEAKY", f"leaky:{digits}", limit, 1, "366d", "COST", cost]
            yield ["RL.THROTTLE", f"cell:{digits}", limit - 1, 1, "366d", cost]
        for count in range(1, 17):
            clauses = [word for hours in range(count) for word in ("FIXED", limit, f"{hours + 1}h")]
            yield ["RL.LIMIT", f"limit:{digits}", *clauses]
        for count in range(1, 9):
            groups = [["AND", f"all:{each}", "LEAKY", limit, 9, "1h"] for each in range(count)]
            _, *words = [word for group in groups for word in group]
            yield ["RL.ALL", *words]
        for other in range(13):
            clauses = ["FIXED", limit, "1h", "FIXED", min(5 * 10**other, 10**12), "2h"]
            yield ["RL.LIMIT", f"two:{digits}:{other}", *clauses]
        yield ["RL.PEEK", f"limit:{digits}"]
        for _ in range(2):
            yield ["RL.LEAKY", f"leaky:{digits}", limit, 1, "366d", "ID", "a"]
            yield ["RL.LIMIT", f"named:{digits}", "FIXED", limit, "1h", "LOG", 9, "1h", "ID", "a"]
            yield ["RL.SETTLE", f"named:{digits}", "a", 0]
    yield ["RL.PEEK", "nothing"]


def lots() -> Iterator[list[list[Argument]]]:
    """The calls one by one, all in a transaction, and in scripts of either protocol."""
    yield from ([call] for call in calls())
    yield [["MULTI"], *calls(), ["EXEC"]]
    for protocol in (2, 3):
        script = f"redis.setresp({protocol}) return redis.call(unpack(ARGV))"
        for call in calls():
            yield [["EVAL", script, 1, call[1], *call]]


def answers(server: Server, protocol: int) -> list[bytes]:
    """The bytes of the answers to each lot."""
    told = []
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        first: list[list[Argument]] = [["HELLO", protocol], ["FLUSHALL"]]
        for lot in [first, *lots()]:
            connection.sendall(b"".join(map(encode, lot)) + encode(["PING"]))
            received = b""
            while not received.endswith(END):
                received += connection.recv(65536)
            told.append(received.removesuffix(END))
    return told[1:]


def is_fast(server: Server) -> bool:
    """Whether answers are handed over in one piece."""
    return bool(replication.info(server.client(), "ratelimit")["ratelimit_fast_replies"])


def test_servers_that_were_not_read_are_answered_the_plain_way(
    new_server: NewServer, kind: Kind
) -> None:
    """The newest server moves on by itself: one day it is one that was not read."""
    server = new_server()
    assert is_fast(server) == kind.was_read
    assert (NOT_READ in server.log()) == (not kind.was_read)
    assert kind.was_read or kind.name == "redis-newest"


@pytest.mark.parametrize("protocol", [2, 3])
def test_one_piece_is_what_line_by_line_is(
    new_server: NewServer, kind: Kind, protocol: int
) -> None:
    whole, plain = new_server(), new_server(module_args=["fast-replies", "no"])
    without = new_server(config={"rename-command": 'COMMAND ""'})
    read = kind.was_read
    assert [is_fast(server) for server in (whole, plain, without)] == [read, False, False]
    assert [NOTICE in server.log() for server in (whole, plain, without)] == [False, False, read]
    told = answers(whole, protocol)
    assert told == answers(plain, protocol)
    assert told == answers(without, protocol)
    refused = [answer for answer in told if answer.startswith(b"-") or b"\r\n-" in answer]
    assert not refused
    lengths = {len(answer) for answer in told}
    assert NO_PIECE in lengths
    assert max(lengths) > 4 * LONGEST_PIECE
    assert len(lengths) > 80


def test_it_is_switched_while_the_server_runs(new_server: NewServer, kind: Kind) -> None:
    server = new_server(module_args=["fast-replies", "no"])
    call = ("RL.LIMIT", "k", "FIXED", 10**9, "1h", "SLIDING", 10**12, "366d", "COST", 0)
    with server.raw() as raw:
        expected = raw(*call)
        for value in ("yes", "no", "yes"):
            raw("CONFIG", "SET", "ratelimit.fast-replies", value)
            assert is_fast(server) == (value == "yes" and kind.was_read)
            assert raw(*call) == expected
        raw("MULTI")
        raw(*call)
        raw("CONFIG", "SET", "ratelimit.fast-replies", "no")
        raw(*call)
        told = raw("EXEC")
        assert isinstance(told, list)
        assert (told[0], told[2]) == (expected, expected)
        assert not is_fast(server)


def test_nothing_is_left_of_a_longer_answer(new_server: NewServer) -> None:
    server = new_server()
    with server.raw() as raw:
        long = raw("RL.FIXED", "long", 10**12, "366d")
        assert raw("RL.FIXED", "short", 0, "1m") == [0, 0, 0, -1, 0]
        assert raw("EVAL", "return redis.call('RL.FIXED', KEYS[1], 1, 60)", 1, "script") == [
            *[1, 1, 0, 0],
            60_000,
        ]
        raw.pipeline([["MULTI"], ["RL.FIXED", "long", 10**12, "366d"], ["RL.FIXED", "short", 0, 1]])
        again, short = raw("EXEC")  # type: ignore[misc]
        assert isinstance(long, list)
        assert again == [*long[:2], 10**12 - 2, *long[3:]]
        assert short == [0, 0, 0, -1, 0]
