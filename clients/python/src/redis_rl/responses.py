"""What goes back over ASGI: rate headers on every response, refusals before one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import Any

from redis_rl.errors import CannotDecide, RateLimitExceeded
from redis_rl.headers import Headers, merge, merge_raw, rate_headers, raw
from redis_rl.outcome import Outcome
from redis_rl.problem import CONTENT_TYPE, RETRY_AFTER_OUTAGE_S, denial, encoded, outage

# Each framework has types of its own for scopes and messages, so these are any.
Scope = Any
Message = Any
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

OUTCOMES = "redis_rl.outcomes"
"""Where a scope keeps its request's outcomes, by the limit that each is of."""

POLICY_VIOLATION, TRY_AGAIN_LATER = 1008, 1013
"""Codes that close a WebSocket: too many, and an outage."""

_STARTS = ("http.response.start", "websocket.accept", "websocket.http.response.start")
_OUTAGE_HEADERS: Headers = [("Retry-After", str(RETRY_AFTER_OUTAGE_S))]


class RateLimitHeaders:
    """Outermost in an app: puts the headers of what was checked within on the response.

    Streams pass as they come; a 500 that was not foreseen has them, too. Nested in another one,
    it leaves the headers to that.
    """

    def __init__(self, app: ASGIApp, legacy: str | None = None) -> None:
        self.app = app
        self.legacy = legacy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "lifespan" and OUTCOMES not in scope:
            outcomes: dict[object, Outcome] = {}
            scope[OUTCOMES] = outcomes
            send = with_headers(send, outcomes.values(), self.legacy)
        await self.app(scope, receive, send)


def with_headers(send: Send, outcomes: Collection[Outcome], legacy: str | None) -> Send:
    """Answer a `send` that adds headers for the outcomes there are when a response starts."""

    def send_with_headers(message: Message) -> Awaitable[None]:
        if outcomes and message["type"] in _STARTS:
            theirs = list(message.get("headers", ()))
            message = {**message, "headers": merge_raw(theirs, headers_of(outcomes, legacy))}
        return send(message)

    return send_with_headers


def headers_of(outcomes: Iterable[Outcome], legacy: str | None = None) -> Headers:
    """The rate headers of all that was checked for one request, in that order.

    Once one is denied, the others show only their policies.
    """
    every = [outcome for outcome in outcomes if outcome.rows]
    if len(every) == 1:
        return rate_headers(every[0], legacy)
    denied = [outcome for outcome in every if not outcome.allowed]
    told = min(denied or every, key=_left, default=None)
    fields: Headers = []
    for outcome in every:
        ours = rate_headers(outcome, legacy if outcome is told else None)
        if denied and outcome.allowed:
            ours = [field for field in ours if field[0] == "RateLimit-Policy"]
        fields = merge(fields, ours)
    return fields


def _left(outcome: Outcome) -> float:
    tightest = outcome.tightest
    return tightest.remaining / tightest.limit if tightest and tightest.limit else 0.0


def refusal(error: RateLimitExceeded | CannotDecide) -> tuple[int, Headers, bytes]:
    """Status, headers and body of a refusal; the rate headers are not among them."""
    if isinstance(error, RateLimitExceeded):
        return 429, [], encoded(denial(error.outcome))
    return 503, _OUTAGE_HEADERS, encoded(outage())


async def refuse(error: RateLimitExceeded | CannotDecide, scope: Scope, send: Send) -> None:
    """Send a refusal; a WebSocket is refused before it is accepted.

    Where the server cannot answer a WebSocket with a response, it is closed: with 1008, or with
    1013 in an outage.
    """
    status, headers, body = refusal(error)
    prefix = ""
    if scope["type"] == "websocket":
        if "websocket.http.response" not in (scope.get("extensions") or {}):
            code = POLICY_VIOLATION if status == 429 else TRY_AGAIN_LATER
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
