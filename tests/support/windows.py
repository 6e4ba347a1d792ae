"""What a key of FIXED windows whose charges have ids must answer: a model, plain and slow."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

MOST = 10**12
ANOTHER_CALL = "another call"


@dataclass
class Window:
    """One FIXED limiter."""

    start: int
    used: int


@dataclass
class Receipt:
    """A charge that is remembered: for each period, the window's start and the cost."""

    name: str
    time: int
    keep: int
    charged: dict[int, tuple[int | None, int]]

    def is_known(self, now: int) -> bool:
        """Whether a call at `now` finds it."""
        return self.time <= now < self.time + self.keep


@dataclass
class Windows:
    """A key of FIXED windows, one for each period in ms, and at most `most` receipts."""

    most: int
    windows: dict[int, Window] = field(default_factory=dict)
    receipts: list[Receipt] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def call(
        self, now: int, limits: dict[int, int], cost: int, name: str = "", keep: int = 60_000
    ) -> str | list[list[int]]:
        """RL.LIMIT of a limit for each period: a verdict for each, or that the id is taken."""
        if name and cost and (known := self._known(name, now)):
            if known.charged.keys() != limits.keys():
                return ANOTHER_CALL
            self.counts["repeats"] += 1
            return [
                [1, limit, max(0, limit - self._used(period, now)), 0, self._reset(period, now)]
                for period, limit in limits.items()
            ]
        alone = [self._used(period, now) + cost <= limit for period, limit in limits.items()]
        ahead = [period for period in limits if self._is_ahead(period, now)]
        charges = all(alone) and cost > 0
        if charges or ahead:
            self._write(now)
            for period in ahead:
                self._move(period, now)
        if charges:
            self._charge(now, list(limits), cost, name, keep)
        return [
            self._verdict(period, limit, cost, now, passes)
            for (period, limit), passes in zip(limits.items(), alone, strict=True)
        ]

    def settle(self, now: int, name: str, cost: int) -> int:
        """RL.SETTLE."""
        known = self._known(name, now)
        if not known:
            self.counts["settled_unknown"] += 1
            return 0
        settled: dict[int, int] = {}
        for period, (start, was) in known.charged.items():
            window = self.windows[period]
            if window.start == start and now < start + period:
                settled[period] = min(cost, MOST - (window.used - was))
        changed = {p: c for p, c in settled.items() if c != known.charged[p][1]}
        if not changed:
            return 1
        is_more = any(c > known.charged[p][1] for p, c in changed.items())
        self.counts["settled_more" if is_more else "settled_less"] += 1
        self._write(now)
        for period, becomes in changed.items():
            start, was = known.charged[period]
            self.windows[period].used += becomes - was
            known.charged[period] = (start, becomes)
        return 1

    def _known(self, name: str, now: int) -> Receipt | None:
        known = (one for one in self.receipts if one.name == name and one.is_known(now))
        return next(known, None)

    def _is_ahead(self, period: int, now: int) -> bool:
        return period in self.windows and self.windows[period].start > now

    def _stands(self, period: int, now: int) -> bool:
        return period in self.windows and now < self.windows[period].start + period

    def _used(self, period: int, now: int) -> int:
        return self.windows[period].used if self._stands(period, now) else 0

    def _left(self, period: int, now: int) -> int:
        """How long the window goes on; one that is ahead as if it were moved."""
        if not self._stands(period, now):
            return 0
        return min(self.windows[period].start, now) + period - now

    def _reset(self, period: int, now: int) -> int:
        return self._left(period, now) if self._used(period, now) else 0

    def _verdict(self, period: int, limit: int, cost: int, now: int, passes: bool) -> list[int]:
        wait = 0 if passes else -1 if cost > limit else self._left(period, now)
        left = max(0, limit - self._used(period, now))
        return [int(passes), limit, left, wait, self._reset(period, now)]

    def _write(self, now: int) -> None:
        self.receipts = [receipt for receipt in self.receipts if receipt.is_known(now)]

    def _move(self, period: int, now: int) -> None:
        self.windows[period].start = now
        # Whatever receipts know of this limiter was charged to windows before.
        for receipt in self.receipts:
            if period in receipt.charged:
                receipt.charged[period] = (None, receipt.charged[period][1])

    def _drop_unused(self, now: int) -> None:
        """Make room for a new window: those that are over stay only where receipts name them."""
        named = {period for receipt in self.receipts for period in receipt.charged}
        over = [period for period in self.windows if not self._stands(period, now)]
        for period in set(over) - named:
            del self.windows[period]

    def _charge(self, now: int, periods: list[int], cost: int, name: str, keep: int) -> None:
        if not self.windows.keys() >= set(periods):
            self._drop_unused(now)
        for period in periods:
            if not self._stands(period, now):
                self.windows[period] = Window(now, 0)
            self.windows[period].used += cost
        if not name:
            return
        while len(self.receipts) >= self.most:
            self.receipts.remove(min(self.receipts, key=lambda one: one.time + one.keep))
            self.counts["receipts_dropped"] += 1
        charged: dict[int, tuple[int | None, int]] = {
            period: (self.windows[period].start, cost) for period in periods
        }
        self.receipts.append(Receipt(name, now, keep, charged))
