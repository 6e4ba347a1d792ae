"""A server that crashes in the middle of a command."""

from __future__ import annotations

import mmap
from pathlib import Path

from support.preload import build

SIZE = 64
"""The length that crash_shim.c maps."""


class Crash:
    """Has a server crash when it copies what begins with a text."""

    def __init__(self, file: Path) -> None:
        self._file = file
        file.write_bytes(bytes(SIZE))
        with file.open("r+b") as opened:
            self._memory = mmap.mmap(opened.fileno(), 0)

    def at(self, text: bytes) -> None:
        """Let the next copy of what begins so be the end."""
        assert 1 < len(text) < SIZE
        # The first byte last: it makes the text count.
        self._memory[1 : len(text)] = text[1:]
        self._memory[0:1] = text[:1]

    def environment(self) -> dict[str, str]:
        """What puts a program under this threat."""
        return {"LD_PRELOAD": str(build("crash_shim")), "RL_TEST_CRASH": str(self._file)}
