"""How long a key lives: as long as its limiters are in use, and a little longer."""

from __future__ import annotations

LEAST_MS = 2_000
CAP_MS = 10**14


def given_ms(in_use_ms: int) -> int:
    """The TTL of a key that is new and in use for so long: two seconds, or a quarter more."""
    return min(max(LEAST_MS, in_use_ms + in_use_ms // 4), CAP_MS)
