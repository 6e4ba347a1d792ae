"""What the adapter reads from a request, keeps with it, and answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import finalize

from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError

from redis_rl.errors import CannotDecide
from redis_rl.http.answers import headers_of, refusal
from redis_rl.http.denied import RateLimitExceeded
from redis_rl.http.headers import merge
from redis_rl.http.problem import CONTENT_TYPE
from redis_rl.keys.subjects import Subject
from redis_rl.rules.asking import Asking
from redis_rl.rules.ending import Ending
from redis_rl.rules.met import Met
from redis_rl.rules.rule import Rule

_MET = "_redis_rl_met"
_STATUSES = (
    (Http404, 404),
    (PermissionDenied, 403),
    (MultiPartParserError, 400),
    (SuspiciousOperation, 400),
    (BadRequest, 400),
)


def client_ip(request: HttpRequest) -> Subject:
    """The client of a request, by its address."""
    forwarded_for = request.META.get("HTTP_X_FORWARDED_FOR")
    return Subject.ip(
        request.META.get("REMOTE_ADDR"), forwarded_for=(forwarded_for,) if forwarded_for else ()
    )


def asking_of(limiter: Any, rule: Rule, request: Any, met: Met | None = None) -> Asking:
    """A request before a rule. Functions get what the view gets: Django's or REST framework's."""
    return Asking(
        limiter,
        rule,
        met or met_of(request) or Met(),
        request.method or "GET",
        lambda: _template(request),
        lambda name: rule.functions[name](request),
    )


def met_of(request: Any) -> Met | None:
    """The limits that a request has met, inside one of them."""
    met: Met | None = getattr(_plain(request), _MET, None)
    return met


@contextmanager
def meeting(request: Any) -> Iterator[tuple[Met, bool]]:
    """Yield the limits that a request has met, and whether this one is the outermost.

    The outermost puts the headers of all on the response, and then forgets them, since tests may
    use a request twice.
    """
    known = met_of(request)
    if known is not None:
        yield known, False
        return
    try:
        yield meet(request), True
    finally:
        forget(request)


def meet(request: Any) -> Met:
    """Start noting the limits that a request meets."""
    met = Met()
    setattr(_plain(request), _MET, met)
    return met


def forget(request: Any) -> None:
    """Stop noting them."""
    delattr(_plain(request), _MET)


def responded(response: Any, met: Met) -> Any:
    """Note what a request is answered, and return it; places are given back when it is closed."""
    if met.ending is not None:
        met.ending.responded(response)
        _release_at_the_end(response, met.ending)
    return response


async def responded_async(response: Any, met: Met) -> Any:
    """`responded`, awaiting predicates that are coroutines."""
    if met.ending is not None:
        await met.ending.responded_async(response)
        if response.streaming:
            _release_at_the_end(response, met.ending)
        else:
            met.ending.release()  # while there is a loop: under WSGI it ends before the response
    return response


def raised(error: BaseException, met: Met) -> None:
    """Note a view that raised."""
    if met.ending is not None:
        if isinstance(error, Exception):
            met.ending.responded(response_to(error))
        met.ending.release()


async def raised_async(error: BaseException, met: Met) -> None:
    """`raised`, awaiting predicates that are coroutines."""
    if met.ending is not None:
        if isinstance(error, Exception):
            await met.ending.responded_async(response_to(error))
        met.ending.release()


def _release_at_the_end(response: Any, ending: Ending) -> None:
    if not ending.holds:
        return
    close = response.close

    def close_and_release() -> None:
        try:
            close()
        finally:
            ending.release()

    response.close = close_and_release
    finalize(response, ending.release)  # if another takes its place


def response_to(error: Exception) -> HttpResponse:
    """Return a response with the status that Django will answer an error with."""
    known = (status for kind, status in _STATUSES if isinstance(error, kind))
    return HttpResponse(status=next(known, 500))


def with_headers(response: Any, met: Met, legacy: str | None) -> Any:
    """Put the rate headers of all limits that a request has met on its response."""
    for name, value in merge(list(response.items()), headers_of(met.outcomes.values(), legacy)):
        response[name] = value
    return response


def answer(error: RateLimitExceeded | CannotDecide) -> HttpResponse:
    """Return a refusal as a problem document."""
    status, headers, body = refusal(error)
    return HttpResponse(body, status=status, headers=dict(headers), content_type=CONTENT_TYPE)


def _plain(request: Any) -> HttpRequest:
    """Django's request, which that of REST framework wraps."""
    plain: HttpRequest = getattr(request, "_request", request)
    return plain


def _template(request: Any) -> str | None:
    match = request.resolver_match
    return f"/{match.route}" if match else None
