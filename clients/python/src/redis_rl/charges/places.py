"""Places that are held: renewed while they are, and given back once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from typing import Any

from redis_rl.charges.background import Background, Planned
from redis_rl.errors import ConnectionBroken, NoAnswer
from redis_rl.limits.places import Places
from redis_rl.outcome import Outcome
from redis_rl.wire.command import lease, release, renew
from redis_rl.wire.faults import FAILURES

RENEWALS = 3
"""In each lease."""


class Place:
    """A place, or a refusal: `outcome` says which. `release` gives it back."""

    def __init__(self, limiter: Any, places: Places, key: str, id: str) -> None:
        self.outcome = Outcome.exempt()
        self.key = key
        self.take = lease(key, places.limit, str(places.lease), id)
        """The command that asks for it, which may be asked twice."""
        self._limiter = limiter
        self._renew = renew(key, str(places.lease), id)
        self._release = release(key, id)
        self._every_s = places.lease_s / RENEWALS
        self._held = False

    def hold(self) -> None:
        """Renew it every third of its lease."""
        self._held = True
        self._limiter.held.add(self)
        self._plan()

    def release(self) -> None:
        """Give it back, once, without waiting for that."""
        if self._held:
            self._held = False
            self._limiter.held.discard(self)
            self._limiter.forget_denials(self.key)
            self._give_back()

    def give_up(self) -> None:
        """Give back what may have been taken, though no reply says so."""
        self._held = True
        self.release()

    def _renewed(self, reply: object) -> bool:
        """Note a renewal; whether the place is gone, and has to be asked for again."""
        if isinstance(reply, Exception):
            self._limiter.stands("A place was not renewed", reply)
        return reply == 0 and self._held

    def _released(self, reply: object) -> None:
        self._limiter.forget_denials(self.key)  # what was refused in the meantime
        if isinstance(reply, Exception):
            self._limiter.stands("A place is not given back before its lease ends", reply)

    def _plan(self) -> None:
        raise NotImplementedError

    def _give_back(self) -> None:
        raise NotImplementedError


class NoPlace(Place):
    """Where nothing was asked for, or there was no answer."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self._held = False


class AsyncPlace(Place):
    """A place of an AsyncRateLimiter; may be released from any thread."""

    def __init__(self, limiter: Any, places: Places, key: str, id: str) -> None:
        super().__init__(limiter, places, key, id)
        self.loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def _plan(self) -> None:
        self._timer = self.loop.call_later(self._every_s, self._send_renewal)

    def _send_renewal(self) -> None:
        self._timer = None
        self._limiter.in_background(self._limiter.send_again(self.key, self._renew), self._told)

    def _told(self, reply: asyncio.Future[Any]) -> None:
        if self._renewed(reply.exception() or reply.result()):
            self._limiter.in_background(self._limiter.send_again(self.key, self.take), _heard)
        if self._held:
            self._plan()

    def _give_back(self) -> None:
        try:
            running: Any = asyncio.get_running_loop()
        except RuntimeError:
            running = None
        if running is self.loop:
            self._send_release()
        elif not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self._send_release)

    def _send_release(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

        def told(reply: asyncio.Future[Any]) -> None:
            error = reply.exception()
            if isinstance(error, ConnectionBroken):
                again = self._limiter.send_again(self.key, self._release)
                self._limiter.in_background(again, heard)
            else:
                self._released(error)

        def heard(reply: asyncio.Future[Any]) -> None:
            self._released(reply.exception())

        self._limiter.in_background(self._limiter.send(self.key, self._release), told)


def _heard(reply: asyncio.Future[Any]) -> None:
    reply.exception()


class SyncPlace(Place):
    """A place of a SyncRateLimiter."""

    def __init__(
        self, limiter: Any, places: Places, key: str, id: str, background: Background
    ) -> None:
        super().__init__(limiter, places, key, id)
        self._background = background
        self._planned: Planned | None = None

    def _plan(self) -> None:
        self._planned = self._background.later(self._send_renewal, self._every_s)

    def _send_renewal(self) -> None:
        if self._held and self._renewed(self._sent(self._renew)):
            self._sent(self.take)
        if self._held:
            self._plan()

    def _give_back(self) -> None:
        if self._planned is not None:
            self._background.forget(self._planned)
        self._background.later(lambda: self._released(self._sent(self._release)))

    def _sent(self, command: bytes) -> object:
        try:
            return self._limiter.send_again(self.key, command)
        except FAILURES as error:
            return error


class Leasing:
    """A place that is being asked for: to be awaited, or entered with `async with`."""

    def __init__(self, take: Callable[[], Awaitable[Place]]) -> None:
        self._take = take
        self._place: Place | None = None

    def __await__(self) -> Generator[Any, Any, Place]:
        return self._take().__await__()

    async def __aenter__(self) -> Place:
        self._place = await self._take()
        return self._place

    async def __aexit__(self, *_: object) -> None:
        if self._place is not None:
            self._place.release()


def may_be_taken(error: Exception) -> bool:
    """Whether the server may have given a place, though no reply says so."""
    return isinstance(error, NoAnswer)
