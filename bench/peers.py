"""What people use instead: Lua scripts, INCREX, redis-cell."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from bench.rows import KEY, PLENTY, Check, Row, allowed_and_denied, throttle
from support.resp import RawConnection, Reply

_SCRIPTS = Path(__file__).with_name("lua")

_SCRIPT_ROWS: Sequence[tuple[str, str, Sequence[str], Sequence[str]]] = (
    ("Lua INCR+EXPIRE", "incr_expire", (PLENTY, "3600000"), ("1", "3600000")),
    ("Lua sliding window", "sliding_window", (PLENTY, "3600000"), ("1", "3600000")),
    ("Lua token bucket", "token_bucket", (PLENTY, "10", "3600000"), ("1", "1", "3600000")),
    ("Lua sorted-set log", "sorted_set_log", ("1000", "3600000"), ("1", "3600000")),
)
"""A name, the script, its arguments where it allows, and where it denies."""


def rows(connection: RawConnection) -> list[Row]:
    """All peers that this server has."""
    return [*_script_rows(), *_increx_rows(connection), *_cell_rows()]


def load_scripts(connection: RawConnection) -> None:
    """Make all scripts known to the server, for EVALSHA."""
    for script in sorted(_SCRIPTS.glob("*.lua")):
        sha = connection("SCRIPT", "LOAD", script.read_bytes())
        if not isinstance(sha, bytes):
            raise ValueError(f"{script.name}: {sha}")


def cell_module() -> Path | None:
    """redis-cell's file, if REDIS_CELL_SO names it."""
    named = os.environ.get("REDIS_CELL_SO")
    return Path(named).resolve(strict=True) if named else None


def _script_rows() -> list[Row]:
    made = []
    for name, script, allowing, denying in _SCRIPT_ROWS:
        sha = hashlib.sha1((_SCRIPTS / f"{script}.lua").read_bytes()).hexdigest()
        called = ("EVALSHA", sha, "1", KEY)
        made += allowed_and_denied(name, "peer", (*called, *allowing), (*called, *denying))
    return made


def _increx_rows(connection: RawConnection) -> list[Row]:
    """INCREX as a fixed window; it answers the count and what was added to it."""
    if connection("COMMAND", "INFO", "INCREX") in ([None], []):
        return []

    def call(limit: str) -> tuple[str, ...]:
        return ("INCREX", KEY, "UBOUND", limit, "EX", "3600", "ENX")

    def added(count: int) -> Check:
        def check(reply: Reply) -> bool:
            return isinstance(reply, list) and len(reply) == 2 and reply[1] == count

        return check

    return [
        Row("INCREX, allowed", "peer", call(PLENTY), added(1)),
        Row("INCREX, denied", "peer", call("1"), added(0), makes_key=False),
    ]


def _cell_rows() -> list[Row]:
    """CL.THROTTLE is redis-cell's where that was loaded before us, else it is ours."""
    if cell_module() is not None:
        return throttle("redis-cell", "peer", "CL.THROTTLE")
    return []
