"""Answers handed over in one piece are to the byte those that the server makes of integers."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from support.pool import NewServer
from support.resp import Argument, encode
from support.server import Server

pytestmark = pytest.mark.all_servers

END = b"+PONG\r\n"
NOTICE = "COMMAND GETKEYS does not answer"
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
        for other in range(13):
            clauses = ["FIXED", limit, "1h", "FIXED", 5 * 10**other, "2h"]
            yield ["RL.LIMIT", f"two:{digits}:{other}", *clauses]
        yield ["RL.PEEK", f"limit:{digits}"]
    yield ["RL.PEEK", "nothing"]


def answers(server: Server, protocol: int) -> list[bytes]:
    """The bytes of each answer."""
    told = []
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        first: list[list[Argument]] = [["HELLO", protocol], ["FLUSHALL"]]
        for call in [*first, *calls()]:
            connection.sendall(encode(call) + encode(["PING"]))
            received = b""
            while not received.endswith(END):
                received += connection.recv(65536)
            told.append(received.removesuffix(END))
    return told[2:]


@pytest.mark.parametrize("protocol", [2, 3])
def test_one_piece_is_what_line_by_line_is(new_server: NewServer, protocol: int) -> None:
    whole, by_line = new_server(), new_server(config={"rename-command": 'COMMAND ""'})
    assert NOTICE not in whole.log()
    assert NOTICE in by_line.log()
    told = answers(whole, protocol)
    assert told == answers(by_line, protocol)
    lengths = {len(answer) for answer in told}
    assert NO_PIECE in lengths
    assert max(lengths) > 4 * LONGEST_PIECE
    assert len(lengths) > 80


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
