"""The limits of a Django project."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redis_rl.django.requests import client_ip
from redis_rl.django.route import RouteLimit
from redis_rl.errors import ConfigurationError
from redis_rl.limiters.awaited import AsyncRateLimiter
from redis_rl.limiters.threaded import SyncRateLimiter
from redis_rl.limits.period import Time
from redis_rl.options import AllOptions, LimitOptions, PlaceOptions
from redis_rl.rules.all import RuleOfAll, Subjects
from redis_rl.rules.asking import refuse_coroutines
from redis_rl.rules.places import RuleOfPlaces
from redis_rl.rules.rule import Rule, RuleLimits

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

    def limit_all(self, subjects: Subjects, **options: Unpack[AllOptions]) -> RouteLimit:
        """`limit` for several subjects at once: one command, all or nothing.

        `subjects` is `{"user": ("10/minute", user_key), "team": ("15/minute", team_key)}`, and
        the options are those of AllOptions.
        """
        return RouteLimit(self._limiter, self._rule_of_all(subjects, options))

    def concurrency(
        self, limit: int, lease: Time | None = None, **options: Unpack[PlaceOptions]
    ) -> RouteLimit:
        """Return a decorator that lets so many requests of a subject be served at once.

        `lease`, such as `"30s"`, is how long a place is kept if the process dies. A place is given
        back when the body has been sent, or on an exception.
        """
        return RouteLimit(self._limiter, RuleOfPlaces(limit, lease, options, client_ip))

    def throttle_concurrency(
        self, limit: int, lease: Time | None = None, **options: Unpack[PlaceOptions]
    ) -> type[Any]:
        """`concurrency` as a throttle class."""
        return self._throttle(RuleOfPlaces(limit, lease, options, client_ip))

    def throttle(self, *limits: RuleLimits, **options: Unpack[LimitOptions]) -> type[Any]:
        """Return a class for the `throttle_classes` of Django REST framework."""
        return self._throttle(Rule(limits, options, client_ip))

    def throttle_all(self, subjects: Subjects, **options: Unpack[AllOptions]) -> type[Any]:
        """`limit_all` as a throttle class."""
        return self._throttle(self._rule_of_all(subjects, options))

    def _rule_of_all(self, subjects: Subjects, options: AllOptions) -> RuleOfAll:
        rule = RuleOfAll(subjects, options, client_ip)
        rule.check_cluster(self._limiter.clustered)
        return rule

    def _throttle(self, rule: Rule) -> type[Any]:
        from redis_rl.django.throttle import throttle_class

        if not isinstance(self._limiter, SyncRateLimiter):
            raise ConfigurationError(
                "limiter must be a SyncRateLimiter, as in RateLimits(SyncRateLimiter(url)), for "
                f"Django REST framework, which blocks, not {self._limiter!r}"
            )
        refuse_coroutines(rule)
        return throttle_class(self._limiter, rule)
