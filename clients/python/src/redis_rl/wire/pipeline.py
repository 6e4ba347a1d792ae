"""Commands of one event loop to one server: batched, in order, each with its own deadline.

Commands that come while others are on their way share the writes of one connection. Replies come
back in the order of the commands, so each is handed to the future that waits for it, or dropped
where nobody does any more. Nothing is ever written twice.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from redis.asyncio.connection import AbstractConnection

from redis_rl.errors import StoreUnavailable
from redis_rl.wire.link import Link, Reply


class Pipeline:
    """Submits commands; made inside the event loop that it belongs to."""

    def __init__(
        self, connect: Callable[[], AbstractConnection], timeout: float, capacity: int
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._connect = connect
        self._timeout = timeout
        self._capacity = capacity
        self._link: Link | None = None
        self._retired: list[Link] = []
        self._deadlines: deque[tuple[float, Reply]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def submit(self, command: bytes) -> Reply:
        """Queue a packed command; its reply, or error, comes before the deadline.

        Raises StoreUnavailable at once where too many wait already.
        """
        link = self._link
        if link is None or link.ended:
            link = self._link = Link(self._connect(), self._loop)
        if link.backlog >= self._capacity:
            raise StoreUnavailable(f"{self._capacity} checks wait already")
        reply: Reply = self._loop.create_future()
        link.push(command, reply)
        deadline = self._loop.time() + self._timeout
        self._deadlines.append((deadline, reply))
        if self._timer is None:
            self._timer = self._loop.call_at(deadline, self._expire)
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

    def _expire(self) -> None:
        """Fail what is overdue, and leave a connection on which a reply is overdue.

        A loop that was kept busy finds replies and timers at once: replies come first, handed over
        before this is called.
        """
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
            self._timer = self._loop.call_at(self._deadlines[0][0], self._expire)
        else:
            self._timer = None
