"""Replies as they come over the wire: RESP2, in which a server says nothing unasked."""

from __future__ import annotations

from typing import Any

_ARRAY, _BULK, _ERROR, _INTEGER, _STATUS = b"*$-:+"


class Incomplete(Exception):
    """A reply's end is yet to come."""


class Refusal(str):
    """An error that was replied, code included."""

    __slots__ = ()


def read(data: bytes, at: int) -> tuple[Any, int]:
    """Return the reply that begins at `at`, and where the next one begins.

    Raises Incomplete, or ValueError for anything but a reply.
    """
    end = data.find(b"\r\n", at)
    if end < 0:
        raise Incomplete
    kind, text, after = data[at], data[at + 1 : end], end + 2
    if kind == _INTEGER:
        return int(text), after
    if kind == _ARRAY:
        length = int(text)
        values: list[Any] = []
        for _ in range(length):
            value, after = read(data, after)
            values.append(value)
        return values if length >= 0 else None, after
    if kind == _ERROR:
        return Refusal(text, "utf-8", "replace"), after
    if kind == _STATUS:
        return text, after
    if kind == _BULK:
        length = int(text)
        if length < 0:
            return None, after
        end = after + length
        if len(data) < end + 2:
            raise Incomplete
        return data[after:end], end + 2
    raise ValueError(
        f"the server must answer in RESP, not {data[at:end]!r}: is it Redis or Valkey?"
    )
