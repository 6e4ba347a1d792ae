"""Watching for a client that goes away while its request is served."""

from __future__ import annotations

import asyncio
from typing import Any

from redis_rl.asgi.types import Message, Receive
from redis_rl.rules.met import Met


class Watched:
    """A `receive` that can be read ahead: a client that goes away gives its places back.

    Until `begin`, it only hands on. It reads one message ahead, so uploads are not buffered.
    """

    def __init__(self, receive: Receive, met: Met) -> None:
        self._receive = receive
        self._met = met
        self._ahead: asyncio.Queue[Message] | None = None
        self._task: asyncio.Task[None] | None = None
        self._gone: Message | None = None
        met.watch = self.begin

    async def __call__(self) -> Any:
        """Receive what comes next."""
        if self._ahead is None:
            return await self._receive()
        if self._gone is not None and self._ahead.empty():
            return self._gone
        return await self._ahead.get()

    def begin(self) -> None:
        """Read ahead from now on."""
        if self._task is None:
            self._ahead = asyncio.Queue(1)
            self._task = asyncio.get_running_loop().create_task(self._read())

    def end(self) -> None:
        """Stop reading."""
        if self._task is not None:
            self._task.cancel()

    async def _read(self) -> None:
        assert self._ahead is not None
        while self._gone is None:
            message = await self._receive()
            if message["type"] in ("http.disconnect", "websocket.disconnect"):
                if self._met.ending is not None:
                    self._met.ending.release()
                self._gone = message
            await self._ahead.put(message)
