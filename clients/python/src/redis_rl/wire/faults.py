"""Which of our errors an error of redis-py's or of the system's is."""

from __future__ import annotations

import asyncio
import re

from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    ClusterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from redis_rl.errors import CannotDecide, ModuleNotLoaded, StoreMisconfigured, StoreUnavailable

FAILURES = (CannotDecide, RedisError, RedisClusterException, OSError)
"""What asking a store may raise."""

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
