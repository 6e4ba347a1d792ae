"""Rules: the limits that an app sets up for its requests, the same for every framework."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Any

from redis_rl.charges.waiting import checked_wait
from redis_rl.errors import ConfigurationError, WrongArgument
from redis_rl.keys.subjects import Subject, WholeKey
from redis_rl.limits.limitset import Limits, LimitSet, limit_set
from redis_rl.limits.places import Places
from redis_rl.options import MOST_COST, LimitOptions, checked_cost, checked_flag, checked_mode
from redis_rl.rules.scope import APP, checked_methods, scope, websocket_scope

RuleLimits = Limits | Mapping[str, Limits] | Callable[..., Any]
"""Limits, a mapping of tiers to limits, or a function of the request that returns limits."""


class Rule:
    """Who is limited to what, and when. Every mistake in it is an error when it is made.

    `key`, `cost`, `exempt` and `limits` may be functions of the application, which the adapter
    calls. `subject_of`, `cost_of` and `limits_for` read what they return.
    """

    of_all = False
    """Whether it is a RuleOfAll."""
    of_places = False
    """Whether it is a RuleOfPlaces."""

    def __init__(
        self,
        limits: tuple[RuleLimits, ...],
        options: LimitOptions,
        client_ip: Callable[..., Subject],
    ) -> None:
        check_options(options, LimitOptions)
        self.name = options.get("name")
        self.key = options.get("key") or client_ip
        self.cost = options.get("cost", 1)
        self.exempt = options.get("exempt")
        self.wait = options.get("wait", False)
        self.retry = checked_flag("retry", options.get("retry", False))
        max_wait = options.get("max_wait")
        self.max_wait = None if max_wait is None else checked_wait(max_wait)
        self.count_if = options.get("count_if")
        self.reserves = checked_flag("reserve", options.get("reserve", False))
        self.ends = self.count_if is not None or self.of_places
        """Whether there is something to do when the response is known, or sent."""
        self.settles = self.reserves or self.count_if is not None
        """Whether its charges may be settled."""
        self.plain = not (self.settles or self.retry or self.max_wait)
        """Whether it asks as if there were none of these."""
        self.methods = checked_methods(options.get("methods"))
        mode = options.get("on_error")
        self.on_error = None if mode is None else checked_mode(mode)
        self.scope = options.get("scope")
        self.limits: Callable[..., Any] | None = None
        self.tiered = isinstance(limits[0], Mapping) if limits else False
        self.tiers: dict[str | None, LimitSet] = {}
        self._read(limits)
        self._check()
        given = {"key": self.key, "cost": self.cost, "exempt": self.exempt, "limits": self.limits}
        self.functions = {name: one for name, one in given.items() if callable(one)}
        """The application's functions, by option."""

    @property
    def first(self) -> LimitSet | None:
        """The only limit set, or that of the first tier; None if a function chooses."""
        return next(iter(self.tiers.values()), None)

    def given(self, limits: LimitSet | Places | None) -> str | None:
        """The scope or name given, if any."""
        return self.scope or self.name or (limits.name if limits else None)

    def is_for(self, method: str | None) -> bool:
        """Whether requests with this method are limited. None is a WebSocket, opened by GET."""
        return scope(method or "GET", None, None, self.methods) is not None

    def scope_of(
        self,
        method: str | None,
        template: Callable[[], str | None],
        limits: LimitSet | Places | None,
    ) -> str:
        """The budget of a request, whether or not the rule is for its method."""
        name = self.given(limits)
        route = template() if name is None else None
        if method is None:
            return websocket_scope(route, name)
        return scope(method, route, name) or APP

    def limits_for(self, subject: Subject | WholeKey, answer: object = None) -> LimitSet | None:
        """The limits of a subject, by its tier or the function's answer; None: not limited."""
        if self.limits is not None:
            if answer is None:
                return None
            several = tuple(answer) if isinstance(answer, list | tuple) else (answer,)
            return limit_set(several, self.name)
        if not self.tiered:
            return self.first
        tier = subject.tier if isinstance(subject, Subject) else None
        found = self.tiers.get(tier)
        if found is None:
            known = ", ".join(map(str, self.tiers))
            raise LookupError(f"tier must be one of {known}, not {tier!r}")
        return found

    def _read(self, limits: tuple[RuleLimits, ...]) -> None:
        if not limits:
            raise ConfigurationError("limits must be given, as in '5/minute', and are missing")
        first = limits[0]
        if isinstance(first, Mapping) or (callable(first) and not isinstance(first, str)):
            if len(limits) > 1:
                raise ConfigurationError(
                    "a mapping of tiers, or a function, must be the only argument for limits, not "
                    f"one of {len(limits)}"
                )
            if callable(first):
                self.limits = first
                limit_set(("1/second",), self.name)  # the name is right
                return
            if not first:
                raise ConfigurationError("limits must be of at least one tier, not {}")
            self.tiers = {tier: limit_set((one,), self.name) for tier, one in first.items()}
        else:
            self.tiers = {None: limit_set(limits, self.name)}  # type: ignore[arg-type]

    def _check(self) -> None:
        if not callable(self.cost):
            checked_cost(self.cost)
        if not callable(self.key):
            raise ConfigurationError(f"key must be a function, not {self.key!r}")
        if self.exempt is not None and not callable(self.exempt):
            raise ConfigurationError(f"exempt must be a function, not {self.exempt!r}")
        if self.scope is not None and not (isinstance(self.scope, str) and self.scope):
            raise ConfigurationError(f"scope must be text that is not empty, not {self.scope!r}")
        checked_flag("wait", self.wait)
        if self.count_if is not None and not callable(self.count_if):
            raise ConfigurationError(
                "count_if must be a function of the response, as in "
                f"count_if=lambda response: response.status_code >= 400, not {self.count_if!r}"
            )

    def __repr__(self) -> str:
        sets = " or ".join(one.written for one in self.tiers.values())
        return f"the limit {sets or self.limits!r}"


def cost_of(answer: Any) -> Any:
    """A cost that a function of the application returned, which may come from a client.

    One above the largest cost is above any limit, too: it is denied, and not an error.
    """
    return min(answer, MOST_COST) if type(answer) is int else answer


_COUNTED = "write which answers count, as in count_if=lambda response: response.status_code >= 400"
_ELSEWHERE = {
    "block": "write the ban with the limits, as in '100/minute; ban 15m after 20/minute'",
    "block_duration": "write the ban with the limits, as in '100/minute; ban 15m after 20/minute'",
    "deduct_when": _COUNTED,
    "skip_successful_requests": _COUNTED,
    "skip_failed_requests": _COUNTED,
    "dry_run": "put the limit on trial, as in 'shadow 100/minute'",
}
"""Options of other limiters."""


def check_options(given: Mapping[str, Any], known: type) -> None:
    """Raise WrongArgument for options that there are not, with those that there are."""
    options = list(known.__annotations__)
    for option in given:
        if option in options:
            continue
        if option in _ELSEWHERE:
            raise WrongArgument(f"a limit has no option {option}: {_ELSEWHERE[option]}")
        close = difflib.get_close_matches(option, options, 1, 0.5)
        hint = f"use {close[0]}" if close else f"its options are {', '.join(options)}"
        raise WrongArgument(f"a limit has no option {option}: {hint}")
