"""Rules for several subjects at once: one command, all or nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from redis_rl.charges.together import NO_SLOT, check_sets
from redis_rl.errors import ConfigurationError
from redis_rl.keys.keys import checked_slot
from redis_rl.keys.subjects import Subject
from redis_rl.options import AllOptions, LimitOptions
from redis_rl.rules.rule import Rule, check_options

Subjects = Mapping[str, tuple[Any, ...]]
"""By name: limits and a key function, and if it is not 1 the cost."""

_EXAMPLE = '{"user": ("10/minute", user_key), "team": ("15/minute", team_key)}'


class RuleOfAll(Rule):
    """A rule with a rule for each subject, under its name."""

    of_all = True

    def __init__(
        self, subjects: Subjects, options: AllOptions, client_ip: Callable[..., Subject]
    ) -> None:
        check_options(options, AllOptions)
        shared: LimitOptions = {**options}  # type: ignore[typeddict-item]
        self.slot: Any = shared.pop("slot", None)  # type: ignore[typeddict-item]
        super().__init__(("1/second",), shared, client_ip)
        if not isinstance(subjects, Mapping):
            raise ConfigurationError(f"limit_all must be given {_EXAMPLE}, not {subjects!r}")
        self.rules = {name: _rule(name, given, client_ip) for name, given in subjects.items()}
        check_sets([one.first for one in self.rules.values() if one.first], "limit_all")
        if self.slot is not None and not callable(self.slot):
            checked_slot(self.slot)
        del self.functions["key"]
        if callable(self.slot):
            self.functions["slot"] = self.slot
        for at, one in enumerate(self.rules.values()):
            for option, function in one.functions.items():
                self.functions[f"{option}_{at}"] = function

    def check_cluster(self, clustered: bool) -> None:
        """Raise ConfigurationError if a cluster needs a slot, and there is none."""
        if clustered and self.slot is None:
            raise ConfigurationError(NO_SLOT)

    def __repr__(self) -> str:
        return f"the limits {', '.join(map(repr, self.rules))}"


def _rule(name: str, given: Any, client_ip: Callable[..., Subject]) -> Rule:
    if not isinstance(given, tuple) or not 2 <= len(given) <= 3 or not callable(given[1]):
        raise ConfigurationError(
            f"limit_all must have limits and a key function for {name!r}, as in {_EXAMPLE}, "
            f"not {given!r}"
        )
    limits, key, *cost = given
    options: LimitOptions = {"name": name, "key": key, "cost": cost[0] if cost else 1}
    return Rule((limits,), options, client_ip)
