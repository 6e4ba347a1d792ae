"""What the module writes, taken apart and forged: states, effects, DUMP payloads.

The encoding is repeated here on purpose, so that a change of it is noticed. Integers are
little-endian, of as many bytes as a number's range needs.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

POLYNOMIAL = 0x95AC9329AC4BC9B5
FOOTER = 10

Entry = tuple[int, int]


def _table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (POLYNOMIAL if value & 1 else 0)
        table.append(value)
    return table


_TABLE = _table()


def crc64(data: bytes) -> int:
    """The checksum at the end of a DUMP: CRC-64 with the polynomial of Jones, reflected."""
    crc = 0
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc


@dataclass(frozen=True)
class Dump:
    """A DUMP payload: what the server writes around the module's bytes, and these."""

    before: bytes
    value: bytes
    after: bytes
    version: bytes

    @classmethod
    def parse(cls, dump: bytes) -> Dump:
        """Take apart what a server without compression answered."""
        assert struct.unpack("<Q", dump[-8:])[0] == crc64(dump[:-8])
        assert (dump[0], dump[1], dump[10]) == (7, 0x81, 5), "not a string of a module's type"
        length, at = _read_length(dump, 11)
        after = dump[at + length : -FOOTER]
        assert after == b"\0"
        return cls(dump[:11], dump[at : at + length], after, dump[-FOOTER:-8])

    def with_value(self, value: bytes) -> bytes:
        """The payload with other bytes of the module's, and the checksum that fits."""
        return sealed(self.before + _length(len(value)) + value + self.after + self.version)


def sealed(dump: bytes) -> bytes:
    """A payload without its checksum, and the checksum."""
    return dump + struct.pack("<Q", crc64(dump))


def flips(data: bytes) -> Iterator[bytes]:
    """The same bytes with each of their bits flipped, one at a time."""
    for bit in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        yield bytes(flipped)


def cuts(data: bytes) -> Iterator[bytes]:
    """Every beginning of the bytes, from none to all but one."""
    return (data[:length] for length in range(len(data)))


def _read_length(data: bytes, at: int) -> tuple[int, int]:
    first = data[at]
    match first >> 6:
        case 0:
            return first, at + 1
        case 1:
            return (first & 0x3F) << 8 | data[at + 1], at + 2
        case _:
            assert first == 0x80
            return int.from_bytes(data[at + 1 : at + 5], "big"), at + 5


def _length(length: int) -> bytes:
    if length < 1 << 6:
        return bytes([length])
    if length < 1 << 14:
        return bytes([0x40 | length >> 8, length & 0xFF])
    return b"\x80" + length.to_bytes(4, "big")


# The module's own bytes


def _numbers(*fields: tuple[int, int]) -> bytes:
    return b"".join(value.to_bytes(width, "little") for value, width in fields)


def _fields(tag: int, *fields: tuple[int, int]) -> bytes:
    return bytes([tag]) + _numbers(*fields)


def fixed(period_ms: int, limit: int, start_ms: int, used: int) -> bytes:
    """A FIXED window."""
    return _fields(0, (period_ms, 5), (limit, 5), (start_ms, 6), (used, 5))


def sliding(period_ms: int, limit: int, window: int, current: int, previous: int) -> bytes:
    """A SLIDING pair of windows."""
    return _fields(1, (period_ms, 5), (limit, 5), (window, 6), (current, 5), (previous, 5))


def log(
    period_ms: int, limit: int, entries: Sequence[Entry], count: int | None = None, newest: int = -1
) -> bytes:
    """A LOG of (time, cost), oldest first; `count` and `newest` say otherwise than they are."""
    newest = newest if newest >= 0 else entries[-1][0]
    told = len(entries) if count is None else count
    head = _fields(2, (period_ms, 5), (limit, 5), (newest, 6), (told, 4))
    return head + b"".join(
        (newest - time).to_bytes(5, "little") + cost.to_bytes(3, "little") for time, cost in entries
    )


def bucket(tag: int, period_ms: int, capacity: int, refill: int, level: int, time: int) -> bytes:
    """A TOKEN (3) or LEAKY (4) bucket."""
    return _fields(tag, (period_ms, 5), (capacity, 5), (refill, 5), (level, 10), (time, 6))


def append(period_ms: int, limit: int, cost: int) -> bytes:
    """What a call changes of a LOG."""
    return _fields(2, (period_ms, 5), (limit, 5), (cost, 5))


def state(limiters: Sequence[bytes], version: int = 1, count: int | None = None) -> bytes:
    """All that a key holds."""
    told = len(limiters) if count is None else count
    return bytes([version, told]) + b"".join(limiters)


@dataclass(frozen=True)
class Part:
    """What a receipt charged to the limiter at a place: where that went, in so many bytes."""

    place: int
    cost: int
    trace: int
    width: int = 7


def receipt(name: bytes, time_ms: int, keep_ms: int, parts: Sequence[Part]) -> bytes:
    """A call that is remembered."""
    numbers = ((time_ms, 6), (keep_ms, 4), (len(parts), 2))
    told = (_numbers((one.place, 1), (one.cost, 5), (one.trace, one.width)) for one in parts)
    return _fields(len(name)) + name + _numbers(*numbers) + b"".join(told)


RECEIPTS = 1
"""The section of receipts, behind the limiters of a key that holds more than these."""


def receipted(
    limiters: Sequence[bytes], receipts: Sequence[bytes], written_ms: int, count: int | None = None
) -> bytes:
    """All that a key with receipts holds, the one that is forgotten first in front."""
    if not receipts and count is None:
        return state(limiters, version=2) + _fields(0)
    told = len(receipts) if count is None else count
    head = state(limiters, version=2) + _fields(RECEIPTS, (written_ms, 6), (told, 4))
    return head + b"".join(receipts)


def note_of_receipt(
    name: bytes, keep_ms: int, cost: int, most: int, limiters: Sequence[tuple[int, int]]
) -> bytes:
    """What a call notes: what it charged to limiters, each an algorithm's tag and a period."""
    head = _fields(64, (len(name), 1)) + name
    numbers = ((keep_ms, 4), (cost, 5), (most, 3), (len(limiters), 1))
    named = b"".join(_fields(tag, (period_ms, 5)) for tag, period_ms in limiters)
    return head + _numbers(*numbers) + named


def note_of_settle(name: bytes, cost: int) -> bytes:
    """What a settle notes."""
    return _fields(65, (len(name), 1)) + name + _numbers((cost, 5))


def effect_of_items(items: Iterable[bytes], now_ms: int, expire_at_ms: int) -> bytes:
    """What RL.APPLY is given to repeat what a call or a settle changed and noted."""
    return effect_of_state(now_ms.to_bytes(6, "little") + b"".join(items), expire_at_ms, kind=3)


def effect_of_state(state: bytes, expire_at_ms: int, version: int = 1, kind: int = 2) -> bytes:
    """What RL.APPLY is given to put a state in place."""
    return bytes([version, kind]) + expire_at_ms.to_bytes(8, "little") + state


def effect_of_changes(changes: Iterable[bytes], now_ms: int, expire_at_ms: int) -> bytes:
    """What RL.APPLY is given to repeat what a call changed."""
    return effect_of_state(now_ms.to_bytes(6, "little") + b"".join(changes), expire_at_ms, kind=1)


def long_log(entries: int, newest_ms: int, step_ms: int = 7) -> bytes:
    """The state of a key with one LOG of a day, of that many entries."""
    times = range(newest_ms - (entries - 1) * step_ms, newest_ms + 1, step_ms)
    return state([log(86_400_000, 1_000_000, [(time, 1 + time % 5) for time in times])])


LEASES = 4
"""The section of leases."""


@dataclass(frozen=True)
class Lease:
    """A lease: who holds how many places, from when and for how long."""

    name: bytes
    start_ms: int
    duration_ms: int
    places: int = 1

    def encoded(self) -> bytes:
        """Its bytes."""
        numbers = ((self.start_ms, 6), (self.duration_ms, 5), (self.places, 3))
        return _fields(len(self.name)) + self.name + _numbers(*numbers)


def leased(
    limit: int,
    duration_ms: int,
    leases: Sequence[Lease],
    limiters: Sequence[bytes] = (),
    count: int | None = None,
) -> bytes:
    """All that a key with leases holds, the one that ends first in front."""
    told = len(leases) if count is None else count
    head = state(limiters, version=2) + _fields(LEASES, (limit, 3), (duration_ms, 5), (told, 3))
    return head + b"".join(lease.encoded() for lease in leases)


def note_of_lease(name: bytes, places: int, limit: int, duration_ms: int) -> bytes:
    """What a call that takes places notes."""
    return _fields(66, (len(name), 1)) + name + _numbers((places, 3), (limit, 3), (duration_ms, 5))


def note_of_renewal(name: bytes, duration_ms: int) -> bytes:
    """What a renewal notes of each id."""
    return _fields(67, (len(name), 1)) + name + _numbers((duration_ms, 5))


def note_of_release(name: bytes) -> bytes:
    """What a release notes of each id."""
    return _fields(68, (len(name), 1)) + name


NOTE_OF_MOVE = b"\x45"
"""What is noted where leases from the future are moved to now."""
