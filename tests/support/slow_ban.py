"""Bans by hand: every refusal that counted is kept, and counted again each time."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Numbers:
    """What a BAN says."""

    refusals: int
    period: int
    ban: int
    max: int

    @property
    def words(self) -> list[str]:
        """The clause."""
        return ["BAN", f"{self.refusals}", f"{self.period}ms", f"{self.ban}ms", f"{self.max}ms"]


@dataclass(frozen=True)
class Ban:
    """A ban that began."""

    began: int
    length: int
    max: int

    @property
    def end(self) -> int:
        """When it is over."""
        return self.began + self.length


@dataclass
class SlowBan:
    """What is remembered of a key's refusals."""

    last: tuple[int, int] | None = None
    """When the last refusal was, and how long it told to wait."""
    window: Numbers | None = None
    """The numbers of the first refusal that counted."""
    counted: list[int] = field(default_factory=list)
    """When those were that counted since."""
    ban: Ban | None = None
    started: int = 0

    def is_ahead(self, now: int) -> bool:
        """Whether the clock stepped back."""
        return self.last is not None and self.last[0] > now

    def step_back(self, now: int) -> None:
        """Move what is in the future to now."""
        if self.last:
            self.last = (min(self.last[0], now), self.last[1])
        self.counted = [min(time, now) for time in self.counted]
        if self.ban:
            self.ban = Ban(min(self.ban.began, now), self.ban.length, self.ban.max)

    def seen(self, now: int) -> SlowBan:
        """As a call finds it, whether or not it writes that down."""
        seen = SlowBan(self.last, self.window, list(self.counted), self.ban, self.started)
        seen.step_back(now)
        return seen

    def left(self, now: int) -> int:
        """What is left of the ban."""
        ban = self.seen(now).ban
        return max(0, ban.end - now) if ban else 0

    def is_open(self, now: int) -> bool:
        """Whether a window is."""
        seen = self.seen(now)
        return seen.window is not None and now < seen.counted[0] + seen.window.period

    def verdict(self, numbers: Numbers, now: int) -> list[int]:
        """The five integers, to a call with these numbers that this does not change."""
        seen, left = self.seen(now), self.left(now)
        if left:
            remaining = 0
        elif seen.is_open(now) and seen.window:
            remaining = seen.window.refusals - len(seen.counted)
        else:
            remaining = numbers.refusals
        ends = [now]
        if seen.last:
            ends.append(sum(seen.last))
        if seen.is_open(now) and seen.window:
            ends.append(seen.counted[0] + seen.window.period)
        if seen.ban:
            ends.append(seen.ban.end + seen.ban.max)
        return [int(not left), numbers.refusals, remaining, left, max(ends) - now]

    def written(self, now: int) -> None:
        """Any write at the key forgets all that is over, once all of it is."""
        if self.verdict(Numbers(1, 1, 1, 1), now)[4] == 0:
            self.last, self.window, self.counted, self.ban = None, None, [], None

    def refuse(self, wait: int, numbers: Numbers, now: int) -> None:
        """Take down a refusal that told to wait for so long; no ban is in force."""
        self.step_back(now)
        counts = self.last is not None and now < sum(self.last)
        if self.ban and now >= self.ban.end + self.ban.max:
            self.ban = None
        if not self.is_open(now):
            self.window, self.counted = None, []
        self.last = (now, wait)
        if not counts:
            return
        self.window = self.window or numbers
        self.counted.append(now)
        if len(self.counted) < self.window.refusals:
            return
        self.window, self.counted = None, []
        length = numbers.ban
        if self.ban and now - self.ban.end < numbers.max:
            length = 2 * self.ban.length
        self.ban = Ban(now, min(length, numbers.max), numbers.max)
        self.started += 1
        self.last = (now, max(wait, self.ban.length))
