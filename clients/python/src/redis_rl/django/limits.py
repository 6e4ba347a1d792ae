"""The limits of a Django project."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

from redis_rl.django.requests import answer, asking_of, client_ip, meeting, with_headers
from redis_rl.django.views import check_kind, request_of
from redis_rl.errors import CannotDecide, ConfigurationError
from redis_rl.http.denied import RateLimitExceeded
from redis_rl.limiter import AsyncRateLimiter
from redis_rl.options import LimitOptions
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
from redis_rl.rules.rule import Rule, RuleLimits
from redis_rl.sync import SyncRateLimiter

if TYPE_CHECKING:
    from typing_extensions import Unpack

View = TypeVar("View", bound=Callable[..., Any])


class RateLimits:
    """Limits views: refuses with 429, 400 or 503, and puts rate headers on what a view answers.

    With a SyncRateLimiter these are views that block, with an AsyncRateLimiter coroutines; a
    project may have both. What Django answers for a view that raised has no rate headers.
    """

    def __init__(self, limiter: SyncRateLimiter | AsyncRateLimiter) -> None:
        if not isinstance(limiter, SyncRateLimiter | AsyncRateLimiter):
            raise ConfigurationError(
                "Django needs a limiter, as in RateLimits(SyncRateLimiter(url)), or for coroutines "
                f"RateLimits(AsyncRateLimiter(url)), not {limiter!r}"
            )
        self._limiter = limiter

    def limit(self, *limits: RuleLimits, **options: Unpack[LimitOptions]) -> RouteLimit:
        """Answer a decorator of a view, a method or a class; all limits are one command.

        The options are those of LimitOptions; functions get the request, which has the outcome
        as `rate_limit`. Raises ConfigurationError for what makes no sense, a view that the
        limiter cannot serve included.
        """
        return RouteLimit(self._limiter, Rule(limits, options, client_ip))

    def throttle(self, *limits: RuleLimits, **options: Unpack[LimitOptions]) -> type[Any]:
        """Answer a throttle class for Django REST framework, for `throttle_classes`."""
        from redis_rl.django.throttle import throttle_class

        if not isinstance(self._limiter, SyncRateLimiter):
            raise ConfigurationError(
                "Django REST framework blocks, so its limits must be "
                "RateLimits(SyncRateLimiter(url))"
            )
        rule = Rule(limits, options, client_ip)
        refuse_coroutines(rule)
        return throttle_class(self._limiter, rule)


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
        return self._limited(view)

    def peek(self, request: Any) -> Any:
        """Look at a request's budget, and charge nothing; awaited with an AsyncRateLimiter."""
        return self._found(request, self._peek)

    def reset(self, request: Any) -> Any:
        """Forget what was used of it, and answer whether there was anything; awaited likewise."""
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
                response = self._refusal(request, outcome) or view(*arguments, **named)
                return with_headers(response, met, limiter.legacy) if outermost else response

        @wraps(view)
        async def awaiting(*arguments: Any, **named: Any) -> Any:
            request = request_of(arguments)
            with meeting(request) as (met, outermost):
                try:
                    outcome = await ask_async(asking_of(limiter, rule, request, met))
                except CannotDecide as error:
                    return answer(error)
                response = self._refusal(request, outcome) or view(*arguments, **named)
                if inspect.isawaitable(response):
                    response = await response
                return with_headers(response, met, limiter.legacy) if outermost else response

        return awaiting if self._awaiting else blocking

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
            return Outcome.exempt(None)
        return self._limiter.peek(found.subject, found.limits, scope=found.scope)
