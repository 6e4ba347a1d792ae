"""A limit of Django's views."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from asgiref.sync import markcoroutinefunction

from redis_rl.django.requests import (
    answer,
    asking_of,
    meeting,
    raised,
    raised_async,
    responded,
    responded_async,
    with_headers,
)
from redis_rl.django.views import check_kind, request_of
from redis_rl.errors import CannotDecide
from redis_rl.http.denied import RateLimitExceeded
from redis_rl.limiters.awaited import AsyncRateLimiter
from redis_rl.limiters.threaded import SyncRateLimiter
from redis_rl.outcome import Outcome
from redis_rl.rules.asking import (
    Budget,
    ask,
    ask_async,
    budget,
    refuse_coroutines,
    run,
    run_async,
)
from redis_rl.rules.rule import Rule

View = TypeVar("View", bound=Callable[..., Any])


class RouteLimit:
    """A limit of Django's views: decorates them; `RateLimits.limit` makes it."""

    def __init__(self, limiter: SyncRateLimiter | AsyncRateLimiter, rule: Rule) -> None:
        self._limiter: Any = limiter
        self._awaiting = isinstance(limiter, AsyncRateLimiter)
        self._rule = rule
        if not self._awaiting:
            refuse_coroutines(rule)

    def __call__(self, view: View) -> View:
        """Limit a view, or all handlers of a class."""
        check_kind(view, self._awaiting)
        if isinstance(view, type):
            view.dispatch = self._limited(view.dispatch)  # type: ignore[attr-defined]
            return view
        limited: View = self._limited(view)
        return limited

    def peek(self, request: Any) -> Any:
        """Look at a request's budget without charging it; awaited with an AsyncRateLimiter."""
        return self._found(request, self._peek)

    def reset(self, request: Any) -> Any:
        """Forget what was used of it; return whether there was anything. Awaited likewise."""
        return self._found(request, lambda found: self._limiter.reset(found.subject, found.scope))

    def _limited(self, view: Any) -> Any:
        limiter, rule = self._limiter, self._rule

        @wraps(view)
        def blocking(*arguments: Any, **named: Any) -> Any:
            request = request_of(arguments)
            with meeting(request) as (met, outermost):
                try:
                    outcome = ask(asking_of(limiter, rule, request, met))
                except CannotDecide as error:
                    return answer(error)
                response = self._refusal(request, outcome)
                if response is None:
                    try:
                        response = view(*arguments, **named)
                    except BaseException as error:
                        if outermost:
                            raised(error, met)
                        raise
                if outermost:
                    return with_headers(responded(response, met), met, limiter.legacy)
                return response

        @wraps(view)
        async def awaiting(*arguments: Any, **named: Any) -> Any:
            request = request_of(arguments)
            with meeting(request) as (met, outermost):
                try:
                    outcome = await ask_async(asking_of(limiter, rule, request, met))
                except CannotDecide as error:
                    return answer(error)
                response = self._refusal(request, outcome)
                if response is None:
                    try:
                        response = view(*arguments, **named)
                        if inspect.isawaitable(response):
                            response = await response
                    except BaseException as error:
                        if outermost:
                            await raised_async(error, met)
                        raise
                if outermost:
                    await responded_async(response, met)
                    return with_headers(response, met, limiter.legacy)
                return response

        # Before Django 5.2, `method_decorator` hands on marks alone.
        return markcoroutinefunction(awaiting) if self._awaiting else blocking

    def _refusal(self, request: Any, outcome: Outcome) -> Any:
        if not outcome.allowed:
            return answer(RateLimitExceeded(outcome))
        request.rate_limit = outcome
        return None

    def _found(self, request: Any, use: Callable[[Budget], Any]) -> Any:
        steps = budget(asking_of(self._limiter, self._rule, request))
        if not self._awaiting:
            return use(run(steps))

        async def found() -> Any:
            used = use(await run_async(steps))
            return used if isinstance(used, Outcome) else await used

        return found()

    def _peek(self, found: Budget) -> Any:
        if found.limits is None:
            return Outcome.exempt()
        return self._limiter.peek(found.subject, found.limits, scope=found.scope)
