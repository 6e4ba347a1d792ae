"""One connection of a pipeline, which redis-py makes and this file uses.

redis-py connects, encrypts and authenticates. From then on commands are written to its transport
and replies read from it as they come: a command costs its caller one turn of the event loop, and
no other task runs.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from redis.asyncio.connection import AbstractConnection

from redis_rl.errors import CannotDecide, NoAnswer, StoreUnavailable
from redis_rl.wire.connections import Maker
from redis_rl.wire.deadline import LATE_S
from redis_rl.wire.faults import broken, classify
from redis_rl.wire.resp import Incomplete, Refusal, read

Reply = asyncio.Future[Any]


class Asked:
    """A command, and the future that waits for its reply until `deadline`."""

    __slots__ = (
        "command",
        "deadline",
        "ready",
        "renewed",
        "reply",
        "written",
        "written_late",
    )

    def __init__(self, command: bytes, reply: Reply, now: float, deadline: float) -> None:
        self.command = command
        self.reply = reply
        self.ready = now
        """When it was ready to be written, but for its turn of the loop."""
        self.deadline = deadline
        self.written = False
        self.written_late = False
        self.renewed = False


class Link(asyncio.Protocol):
    """One connection, from its making to its first fault."""

    def __init__(self, connect: Maker, loop: asyncio.AbstractEventLoop) -> None:
        self.ended = False
        self._maker = connect
        self._connection: AbstractConnection = connect()
        self._loop = loop
        self._transport: asyncio.Transport
        self._waiting: deque[Asked] = deque()
        self._unanswered: deque[Reply] = deque()
        self._begun = b""  # of a reply, whose end is yet to come
        self._paused = False
        self._to_flush = True  # once it is connected
        self._fault: asyncio.Future[Exception] = loop.create_future()
        self.task = loop.create_task(self._run())

    @property
    def backlog(self) -> int:
        """How many commands have no reply."""
        return len(self._waiting) + len(self._unanswered)

    @property
    def silent(self) -> bool:
        """Whether the reply that comes next is overdue."""
        head = self._unanswered[0] if self._unanswered else None
        return head is not None and head.done() and not head.cancelled()

    @property
    def idle(self) -> bool:
        """Whether nobody waits for anything."""
        return all(reply.done() for reply in self._unanswered) and all(
            asked.reply.done() for asked in self._waiting
        )

    def push(self, asked: Asked) -> None:
        """Write a command at once if none is on its way, else with all that come in this turn."""
        self._waiting.append(asked)
        if not self._to_flush:
            self._to_flush = True
            if self._unanswered:
                self._loop.call_soon(self._flush)
            else:
                self._flush()

    def close(self) -> None:
        """End it; what waits fails."""
        self.ended = True
        self._fail_all(StoreUnavailable("the limiter was closed"))
        self.task.cancel()

    async def _run(self) -> None:
        try:
            await self._connect()
            self._take_over()
            raise await self._fault
        except Exception as error:
            self._fail_all(classify(error))
        finally:
            self.ended = True
            await self._disconnect()

    async def _connect(self) -> None:
        """Connect in time. `wait_for` may swallow that it is cancelled before Python 3.12."""
        connecting = self._loop.create_task(self._connection.connect())
        try:
            await asyncio.wait((connecting,), timeout=self._maker.connect_timeout)
        finally:
            if not connecting.done():
                connecting.cancel()
                await asyncio.wait((connecting,))
            failed = not connecting.cancelled() and connecting.exception()
        if connecting.cancelled():
            raise NoAnswer(self._maker.no_connection(self._maker.connect_timeout))
        if isinstance(failed, Exception):
            raise self._maker.failure(failed)

    def _take_over(self) -> None:
        """Become the transport's protocol, in the place of redis-py's reader."""
        reader: Any = self._connection._reader
        writer: Any = self._connection._writer
        self._transport = writer.transport
        self._transport.set_protocol(self)
        if reader.at_eof() or self._transport.is_closing():
            raise NoAnswer("the server closed the connection")
        self._flush_ready()

    async def _disconnect(self) -> None:
        writer: Any = self._connection._writer
        if writer is not None:
            writer.transport.abort()  # what was not sent must not be charged any more
        await self._connection.disconnect(nowait=True)

    def _flush(self) -> None:
        """Write what waits, all at once."""
        if self._paused or self.ended:
            return
        self._to_flush = False
        now = self._loop.time()
        batch = []
        for asked in self._waiting:
            if not asked.reply.done():
                asked.written = True
                asked.written_late = now - asked.ready >= LATE_S
                batch.append(asked.command)
                self._unanswered.append(asked.reply)
        self._waiting.clear()
        if batch:
            self._transport.write(b"".join(batch))

    def _flush_ready(self) -> None:
        """Write what has waited for the server rather than for its turn."""
        now = self._loop.time()
        for asked in self._waiting:
            asked.ready = now
        self._flush()

    def pause_writing(self) -> None:
        """Hold commands back: the server does not read what was written."""
        self._paused = True

    def resume_writing(self) -> None:
        """Write what has waited meanwhile."""
        self._paused = False
        if self._to_flush:
            self._flush_ready()

    def data_received(self, data: bytes) -> None:
        """Hand each reply to the future that waits for it."""
        if self._begun:
            data = self._begun + data
        at, size = 0, len(data)
        try:
            while at < size:
                answer, at = read(data, at)
                self._hand_over(answer)
        except Incomplete:
            pass
        except Exception as error:
            self._break(error)
        self._begun = data[at:]

    def _hand_over(self, answer: Any) -> None:
        if not self._unanswered:
            raise NoAnswer("the server must answer each command once, and sent another reply")
        reply = self._unanswered.popleft()
        if reply.done():
            return
        if isinstance(answer, Refusal):
            # A cluster client's parser knows redirections besides.
            reply.set_exception(self._connection._parser.parse_error(answer))
        else:
            reply.set_result(answer)

    def connection_lost(self, error: Exception | None) -> None:
        """Fail what waits."""
        self._break(broken(error))

    def _break(self, fault: Exception) -> None:
        self.ended = True
        if not self._fault.done():
            self._fault.set_result(fault)

    def _fail_all(self, fault: CannotDecide) -> None:
        for reply in (*self._unanswered, *(asked.reply for asked in self._waiting)):
            if not reply.done():
                reply.set_exception(type(fault)(*fault.args))
        self._unanswered.clear()
        self._waiting.clear()
