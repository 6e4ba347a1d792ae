"""Commands of one event loop to one server: batched, in order, each with its own deadline.

Commands that wait at the same moment go out in one write of one connection, which is redis-py's:
it connects, authenticates and parses. Replies come back in the order of the commands, so each is
handed to the future that waits for it, or dropped where nobody does any more. Nothing is ever
written twice.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import AuthenticationError, BusyLoadingError, ResponseError

from redis_rl.errors import CannotDecide, StoreUnavailable, classify

Reply = asyncio.Future[Any]

CONNECT_S = 1.0
"""How long a connection may take to be made; callers wait for it no longer than their deadline."""


class Pipeline:
    """Submits commands; made inside the event loop that it belongs to."""

    def __init__(
        self, connect: Callable[[], AbstractConnection], timeout: float, capacity: int
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._connect = connect
        self._timeout = timeout
        self._capacity = capacity
        self._link: _Link | None = None
        self._retired: list[_Link] = []
        self._deadlines: deque[tuple[float, Reply]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def submit(self, command: bytes) -> Reply:
        """Queue a packed command; its reply, or error, comes before the deadline.

        Raises StoreUnavailable at once where too many wait already.
        """
        link = self._link
        if link is None or link.ended:
            link = self._link = _Link(self._connect(), self._loop)
        if link.backlog >= self._capacity:
            raise StoreUnavailable(f"{self._capacity} checks wait already")
        reply: Reply = self._loop.create_future()
        link.push(command, reply)
        deadline = self._loop.time() + self._timeout
        self._deadlines.append((deadline, reply))
        if self._timer is None:
            self._timer = self._loop.call_at(deadline, self._due)
        return reply

    async def aclose(self) -> None:
        """Close the connection; what waits fails."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        links = [*self._retired, *([self._link] if self._link else [])]
        self._link, self._retired = None, []
        self._deadlines.clear()
        for link in links:
            link.close()
        await asyncio.gather(*(link.task for link in links), return_exceptions=True)

    def _due(self) -> None:
        # A loop that was kept busy may find replies and timers at once: replies go first.
        self._loop.call_soon(self._expire)

    def _expire(self) -> None:
        """Fail what is overdue, and leave a connection on which a reply is overdue."""
        now = self._loop.time()
        overdue = False
        while self._deadlines:
            deadline, reply = self._deadlines[0]
            if not reply.done():
                if deadline > now:
                    break
                reply.set_exception(
                    StoreUnavailable(f"no answer within {self._timeout * 1000:.0f} ms")
                )
                overdue = True
            self._deadlines.popleft()
        link = self._link
        if overdue and link is not None and link.silent:
            self._link = None
            self._retired.append(link)
        for old in self._retired:
            if old.idle:
                old.close()
        self._retired = [old for old in self._retired if not old.ended]
        if self._deadlines:
            self._timer = self._loop.call_at(self._deadlines[0][0], self._due)
        else:
            self._timer = None


class _Link:
    """One connection, from its making to its first fault."""

    def __init__(self, connection: AbstractConnection, loop: asyncio.AbstractEventLoop) -> None:
        self.ended = False
        self._connection = connection
        self._loop = loop
        self._waiting: deque[tuple[bytes, Reply]] = deque()
        self._unanswered: deque[Reply] = deque()
        self._wake: asyncio.Future[None] | None = None
        self._fault: BaseException | None = None
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
            reply.done() for _, reply in self._waiting
        )

    def push(self, command: bytes, reply: Reply) -> None:
        """Queue a command for the next write."""
        self._waiting.append((command, reply))
        self._rouse()

    def close(self) -> None:
        """End it; what waits fails."""
        self.ended = True
        self.task.cancel()

    def _rouse(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    async def _run(self) -> None:
        reader: asyncio.Task[None] | None = None
        fault: BaseException = StoreUnavailable("the limiter was closed")
        try:
            await asyncio.wait_for(self._connection.connect(), CONNECT_S)
            self._connection.socket_timeout = None  # from here on deadlines are the pipeline's
            reader = self._loop.create_task(self._read())
            await self._write()
        except Exception as error:
            fault = error
        finally:
            self.ended = True
            if reader is not None:
                reader.cancel()
            self._fail_all(classify(fault))
            await self._connection.disconnect(nowait=True)

    async def _write(self) -> None:
        """Write what waits, all at once, again and again."""
        while True:
            if self._fault is not None:
                raise self._fault
            if not self._waiting:
                self._wake = self._loop.create_future()
                await self._wake
                continue
            batch = []
            for command, reply in self._waiting:
                if not reply.done():
                    batch.append(command)
                    self._unanswered.append(reply)
            self._waiting.clear()
            if batch:
                await self._connection.send_packed_command(b"".join(batch), check_health=False)

    async def _read(self) -> None:
        """Hand each reply to the one who waits for it, until the connection breaks."""
        read = self._connection.read_response
        unanswered = self._unanswered
        try:
            while True:
                error: Exception | None = None
                answer: Any = None
                try:
                    answer = await read(disable_decoding=True, disconnect_on_error=False)
                except (ResponseError, BusyLoadingError, AuthenticationError) as refusal:
                    error = refusal
                if not unanswered:
                    raise StoreUnavailable("a reply came that nobody asked for")
                reply = unanswered.popleft()
                if reply.done():
                    continue
                if error is None:
                    reply.set_result(answer)
                else:
                    reply.set_exception(error)
        except Exception as error:
            self._fault = error
            self.ended = True
            self._rouse()

    def _fail_all(self, fault: CannotDecide) -> None:
        for reply in (*self._unanswered, *(reply for _, reply in self._waiting)):
            if not reply.done():
                reply.set_exception(type(fault)(*fault.args))
        self._unanswered.clear()
        self._waiting.clear()
