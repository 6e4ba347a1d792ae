"""Instructions per call: what the server's main thread executes, as callgrind counts it.

Other threads, which write files and give memory back when they come to it, are left out, and so
is the kernel's work for system calls; caches have no part in it. In return it is the one figure
that repeats within a percent, whatever else the machine does.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from bench import load
from bench.rows import KEYS, Row
from support.server import Server

CALLS = 20_000
PEER_CALLS = 5_000
"""Scripts take longer, and repeat as well with fewer."""


def instructions(server: Server, row: Row, keys: int = KEYS) -> float:
    """Instructions per call of a row, at a server under callgrind."""
    load.prepare(server, row, keys)
    many = PEER_CALLS if row.kind == "peer" else CALLS
    dump = dumped(server, row, many, keys)
    total = _total(dump)
    dump.unlink()
    return total / many


def dumped(server: Server, row: Row, many: int, keys: int = KEYS) -> Path:
    """The dump of the main thread's instructions for so many calls, whose keys are prepared."""
    # With more keys than calls, those that are called lie far apart.
    step = max(1, keys // many)
    calls = [load.encoded(row.call, number * step % keys) for number in range(many)]
    with server.raw() as connection:
        load.answer(connection, calls[: load.PIPELINE])
        return _dump(server, lambda: row.check(load.answer(connection, calls)))


def counted(server: Server, work: Callable[[], object]) -> int:
    """Count the main thread's instructions while some work is done."""
    dump = _dump(server, work)
    total = _total(dump)
    dump.unlink()
    return total


def _dump(server: Server, work: Callable[[], object]) -> Path:
    _tell(server, "instrumentation on")
    try:
        work()
    finally:
        _tell(server, "instrumentation off")
    _tell(server, "dump")  # which also starts counting from 0 again
    dumps = {dump.name[-2:]: dump for dump in server.folder.glob(f"dump.{server.pid}.*-*")}
    main = dumps.pop("01")
    for dump in dumps.values():
        dump.unlink()
    return main


def _total(dump: Path) -> int:
    with dump.open() as lines:
        for line in lines:
            if line.startswith("totals:"):
                return int(line.split()[1])
    raise ValueError("callgrind's dump has no total")


def _tell(server: Server, what: str) -> None:
    """Have callgrind do something, through Valgrind's own debugger channel."""
    command = ["vgdb", f"--pid={server.pid}", *what.split()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
