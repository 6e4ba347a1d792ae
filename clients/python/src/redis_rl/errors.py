"""What can go wrong, and which of it passes by itself."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    ClusterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

if TYPE_CHECKING:
    from redis_rl.outcome import Outcome


class ConfigurationError(ValueError):
    """An argument that cannot be meant: raised where it is given, never at a request."""


class RateLimitExceeded(Exception):
    """A request was denied. `outcome` says by what, `retry_after` how long (None: never)."""

    def __init__(self, outcome: Outcome, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(outcome)
        self.outcome = outcome
        self.headers: dict[str, str] = dict(headers or {})

    def __str__(self) -> str:
        from redis_rl.problem import denial_detail

        return denial_detail(self.outcome)

    @property
    def retry_after(self) -> float | None:
        """Seconds until the same request is allowed; None if it never is."""
        return self.outcome.retry_after


class CannotDecide(Exception):
    """There is no verdict; with `on_error="open"` the request is served all the same."""

    always = False
    """Whether it is raised in every mode."""


class CannotIdentify(CannotDecide):
    """A request whose client has no address, as over a Unix socket."""


class StoreUnavailable(CannotDecide):
    """The store did not answer in time, or said that it cannot answer now."""


class StoreMisconfigured(StoreUnavailable):
    """The store refused in a way that somebody has to mend: raised in every mode."""

    always = True


class ModuleNotLoaded(StoreMisconfigured):
    """The server does not know the RL commands."""


_LOAD_IT = (
    "the server does not know RL.LIMIT: load the redis-rl module, "
    "with `loadmodule /path/to/libredis_rl.so` in its configuration"
)
_HINTS = {
    "NOPERM": "grant the user +@write +@fast, or +rl.limit, on these keys",
    "NOAUTH": "give the client a password",
    "WRONGPASS": "give the client the right user and password",
    "WRONGTYPE": "the key holds something else: choose another prefix, or delete it",
}
_TRANSIENT = (
    BusyLoadingError,
    ClusterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    TryAgainError,
    RedisTimeoutError,
    OSError,
    TimeoutError,
    asyncio.TimeoutError,  # another one before Python 3.11
)


# Older versions of redis-py have no class for some of these.
_TRANSIENT_CODES = (
    *("LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "READONLY"),
    *("NOREPLICAS", "BUSY", "OOM", "MISCONF"),
)
_UNKNOWN = re.compile(r"(?:ERR )?unknown command ['`]RL\.", re.IGNORECASE)


def classify(error: BaseException) -> CannotDecide:
    """Say of an error of redis-py's, or of the system's, which of ours it is."""
    if isinstance(error, CannotDecide):
        return error
    text = str(error) or type(error).__name__
    if isinstance(error, AuthenticationError | AuthorizationError):
        return StoreMisconfigured(f"{text}: {_HINTS['WRONGPASS']}")
    code = getattr(error, "status_code", None) or text.split(" ", 1)[0]
    if isinstance(error, _TRANSIENT) or code in _TRANSIENT_CODES:
        return StoreUnavailable(text)
    if _UNKNOWN.match(text):
        return ModuleNotLoaded(_LOAD_IT)
    if isinstance(error, RedisConnectionError):
        return StoreUnavailable(text)
    if isinstance(error, RedisClusterException) and "not enabled" not in text:
        return StoreUnavailable(text)
    hint = _HINTS.get(code)
    return StoreMisconfigured(f"{text}: {hint}" if hint else text)
