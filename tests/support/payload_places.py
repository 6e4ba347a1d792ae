"""What the module writes of leases, limits on trial and bans, taken apart and forged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from support.payload import state

SHADOWS, LEASES, BAN = 2, 4, 8
"""The sections behind the limiters of a key that holds more than these, receipts (1) aside."""


def _numbers(*pairs: tuple[int, int]) -> bytes:
    return b"".join(value.to_bytes(width, "little") for value, width in pairs)


def mixed(limiters: Sequence[bytes], sections: int, *parts: bytes) -> bytes:
    """All that a key holds that is no plain one: its sections in the order of their bits."""
    return state(limiters, version=2) + bytes([sections]) + b"".join(parts)


def shadows(limiters: Sequence[bytes], count: int | None = None) -> bytes:
    """The section of limits on trial."""
    return bytes([len(limiters) if count is None else count]) + b"".join(limiters)


def lease(name: bytes, start_ms: int, duration_ms: int, places: int = 1) -> bytes:
    """One lease."""
    return bytes([len(name)]) + name + _numbers((start_ms, 6), (duration_ms, 5), (places, 3))


def leases(
    held: Sequence[bytes], limit: int = 9, duration_ms: int = 1_000, count: int | None = None
) -> bytes:
    """The section of leases, the one that ends first in front."""
    told = len(held) if count is None else count
    return _numbers((limit, 3), (duration_ms, 5), (told, 3)) + b"".join(held)


@dataclass(frozen=True)
class Ban:
    """What is recorded of refusals and of the last ban."""

    refusals: int
    period_ms: int
    refused_ms: int
    told_ms: int
    count: int = 0
    opened_ms: int = 0
    began_ms: int = 0
    ban_ms: int = 0
    max_ms: int = 0

    @property
    def encoded(self) -> bytes:
        """Its bytes."""
        widths = (3, 5, 6, 7, 3, 6, 6, 5, 5)
        numbers = (getattr(self, each.name) for each in fields(self))
        return _numbers(*zip(numbers, widths, strict=True))


def note_of_lease(name: bytes, places: int, limit: int, duration_ms: int) -> bytes:
    """What a call notes that takes places."""
    numbers = _numbers((places, 3), (limit, 3), (duration_ms, 5))
    return bytes([66, len(name)]) + name + numbers


def note_of_shadow(change: bytes) -> bytes:
    """What a call notes that a limit on trial admits."""
    return bytes([70]) + change


def note_of_ban(ban: Ban) -> bytes:
    """What a refusal notes."""
    return bytes([71]) + ban.encoded
