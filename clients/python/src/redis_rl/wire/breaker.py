"""What is known about a failing store: whether to ask it at all, and what it lacks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from redis_rl.errors import NoAnswer, StoreMisconfigured

_MOST_KEYS = 1024


class Breaker:
    """Opens after `threshold` missing answers in a row; every `pause_s` one request asks again.

    A request that may ask and never reports back only delays the next one by a pause.
    """

    def __init__(
        self,
        threshold: int = 5,
        pause_s: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._threshold = threshold
        self._pause_s = pause_s
        self._clock = clock
        self._lock = threading.Lock()
        self._missing = 0
        self._error: NoAnswer | None = None
        self._ask_at = 0.0

    def blocks(self) -> NoAnswer | None:
        """Return the last failure if nobody may ask now; None if the caller may."""
        if self._error is None:
            return None
        with self._lock:
            error, now = self._error, self._clock()
            if error is None or now >= self._ask_at:
                self._ask_at = now + self._pause_s
                return None
            return type(error)(*error.args)

    def answered(self) -> None:
        """Note that the store answered, even if with an error."""
        if self._missing:
            with self._lock:
                self._missing, self._error = 0, None

    def missed(self, error: NoAnswer) -> None:
        """Note that it did not."""
        with self._lock:
            self._missing += 1
            if self._missing >= self._threshold:
                self._error = error
                self._ask_at = self._clock() + self._pause_s


class Misconfigured:
    """What has to be fixed, until a check succeeds: a timeout in between proves nothing.

    An error that concerns a single key is kept for that key.
    """

    def __init__(self) -> None:
        self._everywhere: StoreMisconfigured | None = None
        self._keys: dict[str, StoreMisconfigured] = {}

    def at(self, key: str) -> StoreMisconfigured | None:
        """What is known to be wrong for a key."""
        error = self._everywhere or self._keys.get(key)
        return error and type(error)(*error.args)

    def learned(self, key: str, error: StoreMisconfigured) -> None:
        """Note an error that the store answered."""
        if not error.of_key:
            self._everywhere = error
        elif len(self._keys) < _MOST_KEYS:
            self._keys[key] = error

    def succeeded(self, key: str) -> None:
        """Note a check that succeeded."""
        self._everywhere = None
        if self._keys:
            self._keys.pop(key, None)
