"""A proxy between a limiter and a real server, which fails as networks and servers do."""

from __future__ import annotations

import asyncio
import ssl
import threading
from concurrent.futures import Future
from types import TracebackType
from typing import Any

from support.ports import free_port, give_back

_SIZE = 65536


class FaultProxy:
    """Forwards to a port of the loopback interface, from one of its own.

    It runs in a thread, so that it goes on while a test blocks. After `freeze` nothing passes in
    either direction; `hold` keeps replies back, greetings aside, while requests pass; `reply_bytes`
    lets so many bytes of replies through, and then no more; `piece` hands replies on in pieces of
    so many. `cut_replies` breaks the connection in the place of so many chunks of replies,
    greetings aside.
    `writes` counts the chunks that clients sent, `replies` those that were handed on to them,
    `connections` how often they connected.
    """

    def __init__(self, target: int, encrypted: ssl.SSLContext | None = None) -> None:
        self.port = free_port()
        self.reply_bytes: int | None = None
        self.cut_replies = 0
        self.writes = 0
        self.replies = 0
        self.connections = 0
        self.piece: int | None = None
        self._target = target
        self._encrypted = encrypted
        self._thawed: asyncio.Event
        self._passing: asyncio.Event
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> FaultProxy:
        """Listen."""
        self._thread.start()
        self._do(self._start())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close everything."""
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
        give_back(self.port)

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"redis://127.0.0.1:{self.port}"

    def freeze(self) -> None:
        """Let nothing pass."""
        self._loop.call_soon_threadsafe(self._thawed.clear)

    def thaw(self) -> None:
        """Let all pass that was held, and what comes."""
        self._loop.call_soon_threadsafe(self._thawed.set)

    def hold(self) -> None:
        """Keep replies back."""
        self._loop.call_soon_threadsafe(self._passing.clear)

    def pass_on(self) -> None:
        """Hand on the replies that were kept back, and those that come."""
        self._loop.call_soon_threadsafe(self._passing.set)

    def kill(self) -> None:
        """Break all connections."""
        self._do(self._break())

    def refuse(self) -> None:
        """Break all connections, and take no more."""
        self._do(self._stop_listening())

    def accept(self) -> None:
        """Listen again, on the same port."""
        self._do(self._listen())

    def _do(self, work: Any) -> None:
        done: Future[None] = asyncio.run_coroutine_threadsafe(work, self._loop)
        done.result(10)

    async def _start(self) -> None:
        self._thawed, self._passing = asyncio.Event(), asyncio.Event()
        self._thawed.set()
        self._passing.set()
        await self._listen()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", self.port, ssl=self._encrypted
        )

    async def _stop_listening(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._break()

    async def _break(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _end(self) -> None:
        await self._stop_listening()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.connections += 1
        there, to = await asyncio.open_connection("127.0.0.1", self._target)
        self._writers |= {writer, to}
        try:
            await asyncio.gather(self._requests(reader, to), self._replies(there, writer))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._writers -= {writer, to}
            writer.close()
            to.close()

    async def _requests(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while chunk := await source.read(_SIZE):
            self.writes += 1
            await self._thawed.wait()
            sink.write(chunk)
        sink.close()

    async def _replies(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while chunk := await source.read(_SIZE):
            await self._thawed.wait()
            if chunk[:1] in b"*:":
                await self._passing.wait()
            if self.cut_replies and chunk[:1] in b"*:":
                self.cut_replies -= 1
                raise ConnectionResetError("as the test says")
            if self.reply_bytes is not None:
                chunk = chunk[: self.reply_bytes]
                self.reply_bytes -= len(chunk)
            size = self.piece or len(chunk) or 1
            for at in range(0, len(chunk), size):
                sink.write(chunk[at : at + size])
                await asyncio.sleep(0.001 if self.piece else 0)
            self.replies += 1
        sink.close()
