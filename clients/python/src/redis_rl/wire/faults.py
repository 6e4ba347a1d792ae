"""Turns errors of redis-py and of the system into ours."""

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

from redis_rl.errors import (
    CannotDecide,
    CannotNow,
    ConnectionBroken,
    KeyMisconfigured,
    ModuleNotLoaded,
    NoAnswer,
    StoreMisconfigured,
)

FAILURES = (CannotDecide, RedisError, RedisClusterException, OSError)
"""Everything that asking a store may raise."""

_LOAD_IT = (
    "the redis-rl module must be loaded, and the server does not know RL.LIMIT: load it with "
    "`loadmodule /path/to/libredis_rl.so` in the server's configuration, or with MODULE LOAD"
)
_HINTS = {
    "NOPERM": "grant the user +rl.limit on these keys, +rl.policy|get for policies, and as far as "
    "they are used +rl.settle, +rl.all, +rl.lease, +rl.renew and +rl.release",
    "NOAUTH": "give the client a password",
    "WRONGPASS": "give the client the right user and password",
    "CROSSSLOT": "give check_all or limit_all a slot",
    "WRONGTYPE": "another program uses this key, so choose another prefix",
}
_NO_ANSWER = (
    RedisTimeoutError,
    OSError,
    TimeoutError,
    asyncio.TimeoutError,  # another one before Python 3.11
)
_PASSES = (
    BusyLoadingError,
    ClusterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    TryAgainError,
)
# Older versions of redis-py have no class for some of these.
_PASSING_CODES = (
    *("LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "READONLY"),
    *("NOREPLICAS", "BUSY", "OOM", "MISCONF"),
)
_TOO_MANY_CLIENTS = "max number of clients reached"
_NO_POLICY = "there is no policy"
_OF_A_POLICY = re.compile(
    r"(?P<lease>LEASE must come)|BAN must come|too many clauses|"
    r"clause \d+ (?:is a second|has the same)"
)
"""What is wrong with the clauses of a policy: the helper checks its own."""
_UNKNOWN = re.compile(r"(?:ERR )?unknown command ['`]RL\.", re.IGNORECASE)
_ARGUMENTS = re.compile(r",? with args beginning with:.*", re.DOTALL)
"""A server that does not know AUTH repeats the password."""
_PLAIN = re.compile(
    r"WRONG_VERSION_NUMBER|wrong version number|record layer failure", re.IGNORECASE
)


def classify(error: BaseException) -> CannotDecide:
    """Return our error for one of redis-py or of the system."""
    if isinstance(error, CannotDecide):
        return error
    text = _ARGUMENTS.sub("", str(error)) or type(error).__name__
    if isinstance(error, AuthenticationError | AuthorizationError):
        return StoreMisconfigured(f"{text}: {_HINTS['WRONGPASS']}")
    code = getattr(error, "status_code", None) or text.split(" ", 1)[0]
    if isinstance(error, _PASSES) or code in _PASSING_CODES or _TOO_MANY_CLIENTS in text:
        return CannotNow(text)
    if _UNKNOWN.match(text):
        return ModuleNotLoaded(_LOAD_IT)
    if isinstance(error, (*_NO_ANSWER, RedisConnectionError)):
        return NoAnswer(_told(text, error))
    if isinstance(error, RedisClusterException) and "not enabled" not in text:
        return NoAnswer(_told(text, error))
    hint = _HINTS.get(code)
    told = f"{text}: {hint}" if hint else text
    if _NO_POLICY in text:
        return KeyMisconfigured(f"{text}: create it with RL.POLICY SET")
    if wrong := _OF_A_POLICY.search(text):
        advice = "use limiter.concurrency() for places" if wrong["lease"] else "see RL.POLICY GET"
        return KeyMisconfigured(f"the limits must suit the policy among them: {text}: {advice}")
    return KeyMisconfigured(told) if code == "WRONGTYPE" else StoreMisconfigured(told)


def broken(error: BaseException | None) -> ConnectionBroken:
    """Return our error for a connection that ended while a command was on its way."""
    if error is None:
        return ConnectionBroken("the server closed the connection")
    return ConnectionBroken(*classify(error).args)


def _told(text: str, error: BaseException) -> str:
    """Add the cause that redis-py swallowed, and advice if there is any."""
    cause = error.__cause__ or error.__context__
    why = getattr(cause, "strerror", None) or (str(cause) if cause else "")
    if why and why.lower() not in text.lower():
        text = f"{text}: {why}"
    if _PLAIN.search(text):
        return f"{text}: the port does not speak TLS, so use redis:// instead of rediss://"
    return text
