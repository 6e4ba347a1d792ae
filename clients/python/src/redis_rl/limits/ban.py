"""Bans: who does not wait is shut out."""

from __future__ import annotations

from dataclasses import dataclass

from redis_rl.errors import ConfigurationError
from redis_rl.limits.period import Period, Time, time_of, whole

_MOST_REFUSALS = 10**6


@dataclass(frozen=True, slots=True)
class Ban:
    """Refuses everything for `time` after so many refusals that came before their time.

    `Ban("15m", after=20, per="1m", up_to="1d")` is `ban 15m after 20/minute up to 1d`: each ban
    that soon follows another is twice as long, at most `up_to`. Default: `time`.
    """

    time: Time
    after: int
    per: Time
    up_to: Time | None = None

    def __post_init__(self) -> None:
        """Raise ConfigurationError for invalid values."""
        time = time_of("a ban", self.time)
        whole("refusals", self.after, 1, _MOST_REFUSALS)
        object.__setattr__(self, "time", time)
        object.__setattr__(self, "per", Period.read(self.per).checked())
        if self.up_to is not None:
            most = time_of("up to", self.up_to)
            object.__setattr__(self, "up_to", most)
            if most.ms < time.ms:
                raise ConfigurationError(f"up to must be at least the ban, {time}, not {most}")

    @property
    def quota(self) -> int:
        """The refusals that begin a ban."""
        return self.after

    @property
    def period_ms(self) -> int:
        """The period of these refusals."""
        return Period.read(self.per).ms

    @property
    def window_s(self) -> int:
        """It in seconds, rounded up."""
        return max(1, -(-self.period_ms // 1000))

    @property
    def limiter(self) -> tuple[str, object]:
        """A key has one ban."""
        return ("ban", None)

    @property
    def clause(self) -> tuple[str, ...]:
        """The words of RL.LIMIT."""
        most = () if self.up_to is None else (str(self.up_to),)
        return ("BAN", str(self.after), str(self.per), str(self.time), *most)

    @classmethod
    def of_clause(cls, words: list[str]) -> Ban:
        """Read a clause as RL.POLICY GET shows it: `BAN 10 15m 15m 1d`. Raises ValueError."""
        _, refusals, *periods = words
        per, time, *most = map(Period.sent, periods)
        return cls(time, int(refusals), per, *most)
