"""What is measured: one call a row. Here are the server's own and redis-rl's; peers.py has more."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from support.resp import Reply, Status

Kind = Literal["server", "ours", "peer"]
Check = Callable[[Reply], bool]

KEY = "KEY"
"""Stands in a call for one of the keys."""

KEYS = 1_000
"""Over so many keys the calls of a row are spread, unless it is said otherwise."""

BASE = "SET k v EX"
"""What everything is compared with."""

PLENTY = "1000000"
"""A limit that nothing here comes to."""


@dataclass(frozen=True)
class Row:
    """One kind of call, and how its keys are brought to where it answers as it should."""

    name: str
    kind: Kind
    call: tuple[str, ...]
    right: Check
    """Whether a reply is of the kind that the row is about."""
    once: tuple[str, ...] = ()
    """A call that the server gets before all others."""
    before: tuple[str, ...] = ()
    """A call that each key gets first."""
    times: int = 2
    """How often the call itself is made at each key before anything is measured."""
    makes_key: bool = True
    """Whether one call leaves one key, so that it can be asked what a key takes."""
    loaded_keys: int = KEYS
    """Over so many keys its calls are spread under load, where each comes round sooner."""
    quick: bool = False
    """Whether a quick run includes it."""

    def check(self, reply: Reply) -> None:
        """Fail unless the reply is right; else something else would be measured."""
        if not self.right(reply):
            raise ValueError(f"{self.name}: {' '.join(self.call)} answered {reply!r}")


def key(number: int) -> str:
    """The key of that number: twelve bytes, as redis-benchmark writes __rand_int__."""
    return f"{number:012d}"


def begins(first: int | bytes) -> Check:
    """Whether a reply is an array that begins so, itself or its first element."""

    def check(reply: Reply) -> bool:
        while isinstance(reply, list) and reply:
            reply = reply[0]
        return reply == first

    return check


def allowed_and_denied(
    name: str, kind: Kind, allowed: Sequence[str], denied: Sequence[str], *, limited: int = 0
) -> list[Row]:
    """A limiter's two rows; its reply begins with `limited` where it denies."""
    return [
        Row(f"{name}, allowed", kind, tuple(allowed), begins(1 - limited)),
        Row(f"{name}, denied", kind, tuple(denied), begins(limited), makes_key=False),
    ]


def _in_steady_use(rows: Sequence[Row]) -> list[Row]:
    """Rows whose keys were called so often that their time in use grows little from call to call.

    So does that of any limiter which was not made a moment ago.
    """
    return [replace(row, times=100) for row in rows]


def _server_rows() -> list[Row]:
    rows = [
        Row("PING", "server", ("PING",), lambda reply: reply == Status("PONG"), makes_key=False),
        Row("INCR", "server", ("INCR", KEY), lambda reply: isinstance(reply, int)),
        Row(BASE, "server", ("SET", KEY, "1", "EX", "3600"), lambda reply: reply == Status("OK")),
    ]
    return [replace(row, quick=True) for row in rows]


def _limiter(command: str, *rest: str) -> list[Row]:
    """A command's two rows, its limit given first among the numbers."""
    allowed, denied = (
        f"{command} {KEY} {limit} {' '.join(rest)}".split() for limit in (PLENTY, "1")
    )
    return _in_steady_use(allowed_and_denied(command, "ours", allowed, denied))


def _log() -> list[Row]:
    """Each key has some 400 entries when it is measured, or as many as it may."""
    call = ("RL.LOG", KEY, "1000", "1h")
    allowed, denied = allowed_and_denied("RL.LOG 1,000", "ours", call, call)
    return [replace(allowed, times=400), replace(denied, times=1_000)]


def _clauses(count: int, limit: str) -> list[str]:
    """So many clauses: four algorithms in turn, over one period after another."""
    clauses = []
    for period in ("1h", "1d", "1w", "30d"):
        clauses += [f"FIXED {limit} {period}", f"SLIDING {limit} {period}"]
        clauses += [f"TOKEN {limit} 10 {period}", f"LEAKY {limit} 10 {period}"]
    return clauses[:count]


def _name(count: int) -> str:
    return "1 clause" if count == 1 else f"{count} clauses"


def _limit(count: int) -> list[Row]:
    """RL.LIMIT of so many clauses."""
    allowed, denied = (
        ["RL.LIMIT", KEY, *" ".join(_clauses(count, limit)).split()] for limit in (PLENTY, "1")
    )
    rows = allowed_and_denied(f"RL.LIMIT, {_name(count)}", "ours", allowed, denied)
    return _in_steady_use(rows)


REFILLED = (
    "RL.FIXED 1000000 1ms",
    "RL.SLIDING 1000000 1ms",
    "RL.TOKEN 1000 1000 1s",
    "RL.TOKEN 1000000 1000 1s",
    "RL.LEAKY 1000 1000 1s",
    "RL.LIMIT TOKEN 1000 1000 1s",
)
"""Limiters that are as if never used again before their key is called the next time."""

FILLING = ("RL.TOKEN 100 10 1s", "RL.TOKEN 1000000 100 60s")
"""Buckets that are called about as often as they refill, or more often."""


def _regimes() -> list[Row]:
    """The calls of REFILLED and FILLING, which are the names of their rows."""
    refilled = [_of_name(name) for name in REFILLED]
    # One core makes a million calls a second: as many as these buckets regain, or ten times that.
    filling = [replace(_of_name(name), loaded_keys=100_000) for name in FILLING]
    return [replace(row, quick=True) for row in (*refilled, *filling)]


def _of_name(name: str) -> Row:
    command, *rest = name.split()
    return Row(name, "ours", (command, KEY, *rest), begins(1))


def _policy(count: int) -> list[Row]:
    """RL.LIMIT of a policy of as many clauses, which is one of a hundred."""
    call = ("RL.LIMIT", KEY, "POLICY", "api-50")
    rows = allowed_and_denied(f"RL.LIMIT POLICY, {_name(count)}", "ours", call, call)
    return [
        replace(row, once=("RL.POLICY", "LOAD", _policies(count, limit)), makes_key=False)
        for row, limit in zip(_in_steady_use(rows), (PLENTY, "1"), strict=True)
    ]


def _policies(count: int, limit: str) -> str:
    clauses = _clauses(count, limit)
    return json.dumps({f"api-{number:02}": clauses for number in range(100)})


def throttle(name: str, kind: Kind, command: str) -> list[Row]:
    """redis-cell's command, of whichever module."""
    allowed = (command, KEY, PLENTY, "10", "3600")
    denied = (command, KEY, "0", "10", "3600")
    return _in_steady_use(allowed_and_denied(name, kind, allowed, denied, limited=1))


def _peek() -> Row:
    fixed = ("RL.FIXED", KEY, PLENTY, "1h")
    call = ("RL.PEEK", KEY)
    return Row("RL.PEEK", "ours", call, begins(b"fixed"), before=fixed, makes_key=False)


def _our_rows() -> list[Row]:
    single = [
        *_limiter("RL.FIXED", "1h"),
        *_limiter("RL.SLIDING", "1h"),
        *_limiter("RL.TOKEN", "10", "1h"),
        *_limiter("RL.LEAKY", "10", "1h"),
        *_limit(1),
    ]
    return [
        *(replace(row, quick=True) for row in single),
        *_regimes(),
        *_limit(3),
        *_policy(1),
        *_policy(3),
        *_limit(16),
        *_log(),
        *throttle("RL.THROTTLE", "ours", "RL.THROTTLE"),
        _peek(),
    ]


SERVER_ROWS: Sequence[Row] = _server_rows()
OUR_ROWS: Sequence[Row] = _our_rows()


def by_name(*names: str) -> list[Row]:
    """The server's own or our rows of these names, in that order."""
    found = {row.name: row for row in (*SERVER_ROWS, *OUR_ROWS)}
    return [found[name] for name in names]
