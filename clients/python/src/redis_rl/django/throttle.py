"""Limits as throttle classes of Django REST framework."""

from __future__ import annotations

import json
from typing import Any

from rest_framework.exceptions import APIException, Throttled
from rest_framework.throttling import BaseThrottle

from redis_rl.django.requests import (
    asking_of,
    forget,
    meet,
    met_of,
    raised,
    responded,
    with_headers,
)
from redis_rl.django.route import RouteLimit
from redis_rl.errors import CannotDecide, CannotIdentify, StoreUnavailable
from redis_rl.http.answers import refusal
from redis_rl.http.denied import RateLimitExceeded
from redis_rl.http.headers import Headers, merge, retry_after_seconds
from redis_rl.http.problem import CONTENT_TYPE, RETRY_AFTER_OUTAGE_S
from redis_rl.limiters.threaded import SyncRateLimiter
from redis_rl.outcome import Outcome
from redis_rl.rules.asking import ask
from redis_rl.rules.met import Met
from redis_rl.rules.rule import Rule


def throttle_class(limiter: SyncRateLimiter, rule: Rule) -> type[BaseThrottle]:
    """Make a throttle of a rule. It raises its refusals, so later throttles charge nothing."""
    limit = RouteLimit(limiter, rule)

    class RateLimitThrottle(BaseThrottle):
        """A limit of redis-rl."""

        peek = staticmethod(limit.peek)
        reset = staticmethod(limit.reset)

        def allow_request(self, request: Any, view: Any) -> bool:
            """Return True, or raise the refusal."""
            met = met_of(request) or _meeting(request, view, limiter.legacy)
            try:
                outcome = ask(asking_of(limiter, rule, request, met))
            except CannotIdentify as error:
                raise Unidentified(error) from error
            except CannotDecide as error:
                raise Unavailable(error) from error
            if not outcome.allowed:
                raise TooManyRequests(outcome)
            request.rate_limit = outcome
            return True

    return RateLimitThrottle


class Problem(dict[str, Any]):
    """The body of a refusal, with the headers that belong to it."""

    headers: Headers


# These are APIExceptions, so a project's own exception handler sees them, too.


class TooManyRequests(RateLimitExceeded, Throttled):
    """A denial."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome, self.headers = outcome, {}
        self.detail = _problem(self)
        self.wait = retry_after_seconds(outcome)


class Unidentified(CannotIdentify, APIException):
    """There is nobody to limit."""

    status_code = 400

    def __init__(self, cause: CannotIdentify) -> None:
        self.detail = _problem(cause)


class Unavailable(StoreUnavailable, APIException):
    """The check has no outcome."""

    status_code = 503
    wait = RETRY_AFTER_OUTAGE_S

    def __init__(self, cause: CannotDecide) -> None:
        self.detail = _problem(cause)


def _problem(error: RateLimitExceeded | CannotDecide) -> Problem:
    _, headers, body = refusal(error)
    problem = Problem(json.loads(body))
    problem.headers = headers
    return problem


def _meeting(request: Any, view: Any, legacy: str | None) -> Met:
    """Start noting the limits that a request meets, and put the headers on its response."""
    met = meet(request)
    finalize = view.finalize_response

    def finalize_with_headers(*arguments: Any, **named: Any) -> Any:
        response = responded(finalize(*arguments, **named), met)
        forget(request)
        problem = getattr(response, "data", None)
        if isinstance(problem, Problem):
            for name, value in merge(list(response.items()), problem.headers):
                response[name] = value
            if response.accepted_media_type.startswith("application/json"):
                response.content_type = CONTENT_TYPE
        return with_headers(response, met, legacy)

    handle = view.handle_exception

    def handle_and_note(error: Exception) -> Any:
        try:
            return handle(error)
        except Exception as unhandled:
            raised(unhandled, met)
            raise

    view.finalize_response = finalize_with_headers
    view.handle_exception = handle_and_note
    return met
