"""Refusals in Starlette and FastAPI: exceptions, and the handler that answers them."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import Response

from redis_rl.asgi.responses import refuse
from redis_rl.errors import CannotDecide, CannotIdentify, StoreUnavailable
from redis_rl.http.answers import refusal
from redis_rl.http.denied import RateLimitExceeded
from redis_rl.http.headers import rate_headers
from redis_rl.http.problem import CONTENT_TYPE, denial_detail, outage, unidentified
from redis_rl.outcome import Outcome

# All are HTTPExceptions, so an app that knows nothing of them still answers 429, 400 and 503.


class TooManyRequests(RateLimitExceeded, HTTPException):  # type: ignore[misc]
    """A denial. `headers` has everything that is sent."""

    def __init__(self, outcome: Outcome, legacy: str | None) -> None:
        headers = dict(rate_headers(outcome, legacy))
        HTTPException.__init__(self, 429, denial_detail(outcome), headers)
        self.outcome = outcome


class Unavailable(StoreUnavailable, HTTPException):
    """The check has no outcome; `__cause__` says why, which the client is not told."""

    def __init__(self, cause: CannotDecide) -> None:
        status, headers, _ = refusal(cause)
        HTTPException.__init__(self, status, outage()["detail"], dict(headers))
        self.always = cause.always

    def __str__(self) -> str:
        return str(self.__cause__)


class Unidentified(CannotIdentify, HTTPException):
    """There is nobody to limit; `__cause__` says why."""

    def __init__(self, cause: CannotIdentify) -> None:
        status, headers, _ = refusal(cause)
        HTTPException.__init__(self, status, unidentified()["detail"], dict(headers))

    def __str__(self) -> str:
        return str(self.__cause__)


def unanswered(cause: CannotDecide) -> CannotDecide:
    """The exception for a check without an outcome."""
    return Unidentified(cause) if isinstance(cause, CannotIdentify) else Unavailable(cause)


async def answer_refusal(connection: HTTPConnection, error: Exception) -> Response | None:
    """Answer a denial or an outage with its problem document; refuse a WebSocket."""
    assert isinstance(error, RateLimitExceeded | CannotDecide)
    if connection.scope["type"] == "websocket":
        await refuse(error, connection.scope, connection._send)  # type: ignore[attr-defined]
        return None
    status, headers, body = refusal(error)
    return Response(body, status, dict(headers), CONTENT_TYPE)
