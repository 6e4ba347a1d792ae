"""Calls as a client sends them: many keys filled at once, or pipelined and answered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from bench.rows import KEY, Row, key
from support.resp import RawConnection, Reply, Status, encode
from support.server import Server

PIPELINE = 16
_CHUNK = 1_000


def encoded(call: Sequence[str], number: int) -> bytes:
    """The call at the key of that number."""
    return encode([key(number) if word == KEY else word for word in call])


def fill(server: Server, calls: Iterable[bytes]) -> None:
    """Send calls without wanting their replies."""
    with server.raw() as connection:
        connection.send(encode(["CLIENT", "REPLY", "OFF"]))
        waiting = iter(calls)
        while chunk := b"".join(islice(waiting, _CHUNK)):
            connection.send(chunk)
        if connection("CLIENT", "REPLY", "ON") != Status("OK"):
            raise ValueError("the server does not answer again")


def prepare(server: Server, row: Row, keys: int) -> None:
    """Empty the server, then bring all keys to where the row's call answers as it should."""
    with server.raw() as connection:
        connection("FLUSHALL")
        if row.once and connection(*row.once) != Status("OK"):
            raise ValueError(f"{row.name}: {' '.join(row.once)} was refused")
    if row.before:
        fill(server, (encoded(row.before, number) for number in range(keys)))
    calls = [encoded(row.call, number) for number in range(keys)]
    for _ in range(row.times):
        fill(server, iter(calls))
    with server.raw() as connection:
        row.check(answer(connection, [calls[0]]))


def answer(connection: RawConnection, calls: Sequence[bytes]) -> Reply:
    """Send calls PIPELINE at a time, each lot when the one before is answered; the last reply."""
    reply: Reply = None
    for start in range(0, len(calls), PIPELINE):
        lot = calls[start : start + PIPELINE]
        connection.send(b"".join(lot))
        for _ in lot:
            reply = connection.read()
    return reply
