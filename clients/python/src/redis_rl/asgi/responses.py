"""What goes back over ASGI: rate headers on every response, and refusals."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable

from redis_rl.asgi.types import ASGIApp, Message, Receive, Scope, Send
from redis_rl.asgi.watched import Watched
from redis_rl.errors import CannotDecide
from redis_rl.http.answers import headers_of, refusal
from redis_rl.http.denied import RateLimitExceeded
from redis_rl.http.headers import merge_raw, raw
from redis_rl.http.problem import CONTENT_TYPE
from redis_rl.limiters.awaited import AsyncRateLimiter
from redis_rl.rules.met import Met

MET = "redis_rl.met"
"""The key in a scope under which it keeps the limits that its request has met."""

POLICY_VIOLATION, TRY_AGAIN_LATER = 1008, 1013
"""Codes that close a WebSocket: for a denial or an unidentified client, and for an outage."""

_STARTS = ("http.response.start", "websocket.accept", "websocket.http.response.start")
_ANSWERS = {
    "http.response.start": 200,
    "websocket.accept": 101,
    "websocket.http.response.start": 403,
    "websocket.close": 403,
}
"""What begins a response, and its status where the message has none."""


class Answered:
    """A response whose status and headers are known, for `count_if`."""

    __slots__ = ("headers", "status_code")

    def __init__(self, status_code: int, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
        self.status_code = status_code
        self.headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers
        }
        """By their names in lower case."""

    @classmethod
    def of(cls, message: Message) -> Answered:
        """Read it from the message that begins it."""
        status = message.get("status", _ANSWERS[message["type"]])
        return cls(status, message.get("headers", ()))


class RateLimitHeaders:
    """The outermost middleware of an app: puts the headers of all checks on the response.

    Streams pass through unchanged, and an unexpected 500 has the headers, too. Nested in another
    one, it leaves the headers to that.
    """

    def __init__(
        self, app: ASGIApp, legacy: str | None = None, limiter: AsyncRateLimiter | None = None
    ) -> None:
        self.app = app
        self.legacy = legacy
        self._watches = limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "lifespan" or MET in scope:
            await self.app(scope, receive, send)
            return
        met = scope[MET] = Met()
        if self._watches and self._watches.holds_places:
            receive = Watched(receive, met)
        try:
            await self.app(scope, receive, with_headers(send, met, self.legacy))
        except Exception:
            await failed(met)
            raise
        finally:
            if met.ending is not None:
                ended(met, receive)


def with_headers(send: Send, met: Met, legacy: str | None) -> Send:
    """Return a `send` that adds headers for all outcomes known when the response starts."""
    outcomes = met.outcomes.values()

    def send_with_headers(message: Message) -> Awaitable[None]:
        if met.ending is not None:
            return _send_with_the_end(send, met, legacy, message)
        if outcomes and message["type"] in _STARTS:
            theirs = list(message.get("headers", ()))
            message = {**message, "headers": merge_raw(theirs, headers_of(outcomes, legacy))}
        return send(message)

    return send_with_headers


async def _send_with_the_end(send: Send, met: Met, legacy: str | None, message: Message) -> None:
    """Send a message of a request that something is left to do for."""
    ending = met.ending
    assert ending is not None
    if message["type"] in _ANSWERS:
        await ending.responded_async(Answered.of(message))
    if message["type"] in _STARTS:
        theirs = list(message.get("headers", ()))
        ours = headers_of(met.outcomes.values(), legacy)
        message = {**message, "headers": merge_raw(theirs, ours)}
    await send(message)
    if message["type"] == "http.response.body" and not message.get("more_body", False):
        ending.release()


def ended(met: Met, receive: Receive) -> None:
    """Note that an app has ended, however it did."""
    if met.ending is not None:
        met.ending.release()
    if isinstance(receive, Watched):
        receive.end()


async def failed(met: Met) -> None:
    """Note that an app has raised: without a response, that counts as a 500."""
    if met.ending is not None:
        await met.ending.responded_async(Answered(500))


async def refuse(error: RateLimitExceeded | CannotDecide, scope: Scope, send: Send) -> None:
    """Send a refusal; a WebSocket is refused before it is accepted.

    If the server cannot answer a WebSocket with a response, it is closed: with 1013 in an outage,
    else with 1008.
    """
    status, headers, body = refusal(error)
    prefix = ""
    if scope["type"] == "websocket":
        if "websocket.http.response" not in (scope.get("extensions") or {}):
            code = TRY_AGAIN_LATER if status == 503 else POLICY_VIOLATION
            await send({"type": "websocket.close", "code": code})
            return
        prefix = "websocket."
    start = {
        "type": f"{prefix}http.response.start",
        "status": status,
        "headers": [
            (b"content-type", CONTENT_TYPE.encode()),
            (b"content-length", b"%d" % len(body)),
            *raw(headers),
        ],
    }
    await send(start)
    await send({"type": f"{prefix}http.response.body", "body": body})
