"""The limits of a Django project."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redis_rl.django.requests import client_ip
from redis_rl.django.route import RouteLimit
from redis_rl.errors import ConfigurationError
from redis_rl.limiter import AsyncRateLimiter
from redis_rl.options import LimitOptions
from redis_rl.rules.asking import refuse_coroutines
from redis_rl.rules.rule import Rule, RuleLimits
from redis_rl.sync import SyncRateLimiter

if TYPE_CHECKING:
    from typing_extensions import Unpack


class RateLimits:
    """Limits views: refuses with 429, 400 or 503, and puts rate headers on responses.

    A SyncRateLimiter is for views that block, an AsyncRateLimiter for coroutines; a project may
    have both. The error page of a view that raised has no rate headers.
    """

    def __init__(self, limiter: SyncRateLimiter | AsyncRateLimiter) -> None:
        if not isinstance(limiter, SyncRateLimiter | AsyncRateLimiter):
            raise ConfigurationError(
                "limiter must be a SyncRateLimiter, as in RateLimits(SyncRateLimiter(url)), or for "
                f"coroutines an AsyncRateLimiter, not {limiter!r}"
            )
        self._limiter = limiter

    def limit(self, *limits: RuleLimits, **options: Unpack[LimitOptions]) -> RouteLimit:
        """Return a decorator for a view, a method or a class; all limits are one command.

        The options are those of LimitOptions; functions get the request, which has the outcome
        as `rate_limit`. Raises ConfigurationError for invalid arguments, and for a view that the
        limiter cannot serve.
        """
        return RouteLimit(self._limiter, Rule(limits, options, client_ip))

    def throttle(self, *limits: RuleLimits, **options: Unpack[LimitOptions]) -> type[Any]:
        """Return a class for the `throttle_classes` of Django REST framework."""
        from redis_rl.django.throttle import throttle_class

        if not isinstance(self._limiter, SyncRateLimiter):
            raise ConfigurationError(
                "limiter must be a SyncRateLimiter, as in RateLimits(SyncRateLimiter(url)), for "
                f"Django REST framework, which blocks, not {self._limiter!r}"
            )
        rule = Rule(limits, options, client_ip)
        refuse_coroutines(rule)
        return throttle_class(self._limiter, rule)
