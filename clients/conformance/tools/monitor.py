"""What reached Redis, as MONITOR tells it."""

from __future__ import annotations

import re
import uuid
from types import TracebackType
from typing import Self

from support.resp import Status
from support.server import Server

_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"')


class Monitor:
    """Listens from its start on; as a context manager it ends."""

    def __init__(self, server: Server) -> None:
        self._asking = server.raw()
        self._listening = server.raw()
        assert self._listening("MONITOR") == Status("OK")

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Hang up."""
        self._asking.close()
        self._listening.close()

    def commands(self) -> list[list[str]]:
        """The module's commands that came since it was last asked, word by word."""
        mark = uuid.uuid4().hex
        self._asking("ECHO", mark)
        heard: list[list[str]] = []
        while True:
            line = self._listening.read()
            assert isinstance(line, Status), line
            words = _WORD.findall(line.text)
            if words == ["ECHO", mark]:
                return heard
            # A client may ask for the version when it connects; that is no check.
            if words[0].upper().startswith("RL.") and words[0].upper() != "RL.VERSION":
                heard.append(words)
