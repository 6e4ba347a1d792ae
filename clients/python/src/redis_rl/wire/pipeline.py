"""Commands of one event loop to one server: batched, in order, each with its own deadline.

Commands that come while others are on their way share the writes of one connection. Replies come
back in the order of the commands, so each is handed to the future that waits for it, or dropped
if nothing waits any more. Nothing is ever written twice, but for `submit_again`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable

from redis_rl.errors import ConnectionBroken, NoAnswer, StoreUnavailable
from redis_rl.wire.connections import Maker
from redis_rl.wire.deadline import LATE_S, no_answer, too_busy
from redis_rl.wire.link import Asked, Link, Reply

_TURNS = 3
"""How many turns of the loop before a reply counts as missing: the socket is read by then."""


class Pipeline:
    """Submits commands; made inside the event loop that it belongs to."""

    def __init__(self, connect: Maker, timeout: float, capacity: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._connect = connect
        self._timeout = timeout
        self._capacity = capacity
        self._link: Link | None = None
        self._retired: list[Link] = []
        self._deadlines: deque[Asked] = deque()
        self._timer: asyncio.Handle | None = None

    def submit(self, command: bytes) -> Reply:
        """Queue a packed command; its reply, or error, comes before the deadline.

        Raises StoreUnavailable at once if too many are waiting.
        """
        asked = self._push(command, self._timeout)
        self._deadlines.append(asked)
        if self._timer is None:
            self._timer = self._loop.call_at(asked.deadline, self._due)
        return asked.reply

    async def submit_again(self, command: bytes) -> object:
        """`submit`, once more if the connection breaks: for commands that may be run twice."""
        deadline = self._loop.time() + self._timeout
        try:
            return await self.submit(command)
        except ConnectionBroken:
            left = deadline - self._loop.time()
            if left <= 0:
                raise
            return await self.submit_within(left, command)

    async def submit_within(self, timeout: float, command: bytes) -> object:
        """`submit` with another deadline."""
        asked = self._push(command, timeout)
        reply = asked.reply
        try:
            await asyncio.wait((reply,), timeout=timeout)
        except asyncio.CancelledError:
            reply.cancel()
            raise
        if not reply.done():
            missing = no_answer if asked.written else self._connect.no_connection
            reply.set_exception(NoAnswer(missing(timeout)))
            self._leave_silent()
        return reply.result()

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

    def _push(self, command: bytes, timeout: float) -> Asked:
        link = self._link
        if link is None or link.ended:
            link = self._link = Link(self._connect, self._loop)
        if link.backlog >= self._capacity:
            raise StoreUnavailable(
                f"at most {self._capacity} checks can wait at a time, and {link.backlog} do"
            )
        now = self._loop.time()
        asked = Asked(command, self._loop.create_future(), now, now + timeout)
        link.push(asked)
        return asked

    def _due(self) -> None:
        """Let the loop read the socket before looking at the clock."""
        self._timer = self._loop.call_soon(self._expire, _TURNS)

    def _expire(self, turns: int) -> None:
        """Fail what is overdue, and abandon a connection on which a reply is overdue.

        A command that a busy loop wrote late, or checks late, gets the time again, once.
        """
        if turns:
            self._timer = self._loop.call_soon(self._expire, turns - 1)
            return
        now = self._loop.time()
        again: list[Asked] = []
        while self._deadlines and (
            self._deadlines[0].reply.done() or self._deadlines[0].deadline <= now
        ):
            asked = self._deadlines.popleft()
            if asked.reply.done():
                continue
            late = now - asked.deadline >= LATE_S
            if not asked.renewed and (late or asked.written_late):
                asked.renewed, asked.deadline = True, now + self._timeout
                again.append(asked)
            elif late:
                asked.reply.set_exception(StoreUnavailable(too_busy(self._timeout)))
            else:
                missing = no_answer if asked.written else self._connect.no_connection
                asked.reply.set_exception(NoAnswer(missing(self._timeout)))
        self._deadlines.extend(again)
        self._leave_silent()
        if self._deadlines:
            self._timer = self._loop.call_at(self._deadlines[0].deadline, self._due)
        else:
            self._timer = None

    def _leave_silent(self) -> None:
        """Stop using a connection on which a reply is overdue; close it once nobody waits."""
        link = self._link
        if link is not None and link.silent:
            self._link = None
            self._retired.append(link)
        for old in self._retired:
            if old.idle:
                old.close()
        self._retired = [old for old in self._retired if not old.ended]


class OneServer:
    """A pipeline for all keys, as `ClusterRoutes` has one for each node."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self.aclose = pipeline.aclose

    def submit(self, key: str, command: bytes) -> Reply:  # noqa: ARG002 - there is one place
        """Send a command; its reply, or error, comes before the deadline."""
        return self._pipeline.submit(command)

    def submit_again(self, key: str, command: bytes) -> Awaitable[object]:  # noqa: ARG002
        """`submit`, once more if the connection breaks."""
        return self._pipeline.submit_again(command)

    async def probe(self, command: bytes, timeout: float) -> None:
        """Ask the one server."""
        await self._pipeline.submit_within(timeout, command)
