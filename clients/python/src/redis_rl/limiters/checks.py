"""Checks as values, and checks that are ready to be sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from redis_rl.errors import ConfigurationError, WrongArgument
from redis_rl.keys.subjects import Who
from redis_rl.limits.grammar import Item
from redis_rl.limits.limitset import Limits, LimitSet
from redis_rl.options import CheckOptions, OnError


@dataclass(frozen=True, slots=True)
class Check:
    """The arguments of `check` as one value, for `check_many`."""

    key: Who
    limits: Limits | tuple[str | Item, ...]
    name: str | None = None
    scope: str | None = None
    cost: int = 1
    on_error: OnError | None = None
    retry: bool = False
    max_wait: float | None = None

    @property
    def asks(self) -> tuple[Limits, ...]:
        """Its limits as `check` takes them."""
        return self.limits if isinstance(self.limits, tuple) else (self.limits,)

    @property
    def options(self) -> CheckOptions:
        """Everything but its key and limits."""
        return {
            "name": self.name,
            "scope": self.scope,
            "cost": self.cost,
            "on_error": self.on_error,
            "retry": self.retry,
            "max_wait": self.max_wait,
        }


Checks = Sequence[Check] | Mapping[str, Check]
"""What is charged together; the outcome has each by its place, or by its name."""


class Prepared(NamedTuple):
    """A check that is ready to be sent, and what is needed to read its reply."""

    key: str
    command: bytes
    limits: LimitSet
    cost: int
    mode: OnError
    policies: tuple[str, ...] = ()
    """The server's policies to ask for along with it."""
    id: str | None = None
    """The charge's, if it has one: then it may be sent again."""
    settles: bool = False
    """Whether the charge may be settled."""
    asked_at: float = 0.0
    """When, if a refusal is to be kept."""
    waits_ms: Mapping[object, int] | None = None
    """Of a peek: how long a call of cost 1 would have to wait, by limiter."""


def named_checks(checks: Checks) -> Mapping[str | int, Check]:
    """Return the checks of `check_all` by name, or by place."""
    pairs = checks.items() if isinstance(checks, Mapping) else enumerate(checks)
    named: dict[str | int, Check] = dict(pairs)
    for one in named.values():
        if not isinstance(one, Check):
            raise WrongArgument(
                f'check_all must be given Checks, as in [Check("ann", "5/minute")], not {one!r}'
            )
        if one.on_error is not None or one.retry or one.max_wait is not None:
            raise ConfigurationError(
                f"on_error, retry and max_wait must be given to check_all, for all, not to {one!r}"
            )
    return named
