"""Rules for so many requests at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from redis_rl.errors import ConfigurationError, WrongArgument
from redis_rl.keys.subjects import Subject
from redis_rl.limits.period import Time
from redis_rl.limits.places import Places
from redis_rl.options import LimitOptions, PlaceOptions
from redis_rl.rules.rule import Rule, check_options


class RuleOfPlaces(Rule):
    """A rule whose requests take a place each, for as long as they are served."""

    of_places = True

    def __init__(
        self,
        limit: int,
        lease: Time | None,
        options: PlaceOptions,
        client_ip: Callable[..., Subject],
    ) -> None:
        check_options(options, PlaceOptions)
        if lease is None:
            raise WrongArgument(
                "concurrency must have a lease, as in concurrency(4, lease='30s'): how long a "
                "place is kept if the process dies"
            )
        self.places = Places(limit, lease, options.get("name"))
        given: LimitOptions = {**options}  # type: ignore[typeddict-item]
        super().__init__(("1/second",), given, client_ip)

    @property
    def first(self) -> Any:
        """The places, which are met as limits are."""
        return self.places

    def _read(self, _: tuple[Any, ...]) -> None:
        self.tiers = {None: self.places}  # type: ignore[dict-item]

    def __repr__(self) -> str:
        return f"the limit {self.places.written}"


def check_not_places(rule: Rule) -> None:
    """Raise ConfigurationError for what places do not have."""
    if rule.of_places:
        raise ConfigurationError(
            "peek and reset must be of a limit, not of concurrency, whose places come back"
        )
