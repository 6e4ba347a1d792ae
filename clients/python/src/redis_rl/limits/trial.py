"""Limits on trial: judged and counted, without ever refusing."""

from __future__ import annotations

from dataclasses import dataclass

from redis_rl.errors import WrongArgument
from redis_rl.limits.limit import Limit


@dataclass(frozen=True, slots=True)
class Shadow:
    """A limit on trial, as in `Shadow(Limit.per_minute(2))`. It does not show in outcomes."""

    limit: Limit

    def __post_init__(self) -> None:
        """Raise WrongArgument for anything but a Limit."""
        if not isinstance(self.limit, Limit):
            raise WrongArgument(
                "a Shadow must be of a Limit, as in Shadow(Limit.per_minute(2)), or text, as in "
                f"'shadow 2/minute', not of {self.limit!r}"
            )

    @property
    def period_ms(self) -> int:
        """The limit's period."""
        return self.limit.period_ms

    @property
    def limiter(self) -> tuple[str, object]:
        """Its own, beside that of a real limit."""
        return ("shadow", self.limit.limiter)

    @property
    def clause(self) -> tuple[str, ...]:
        """The words of RL.LIMIT."""
        return ("SHADOW", *self.limit.clause)
