"""Places among so many at once, by one who goes through all leases for each answer."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Lease:
    """Who holds how many, and since when."""

    start: int
    duration: int
    places: int

    def end(self, now: int) -> int:
        """When it ends for a call at `now`, to which a start in the future is now."""
        return min(self.start, now) + self.duration


@dataclass
class Places:
    """The leases of a key."""

    leases: dict[str, Lease] = field(default_factory=dict)
    ended: int = 0
    released: int = 0

    def _live(self, now: int) -> dict[str, Lease]:
        # By its recorded start: one that has ended by it had ended before the clock stepped back.
        held = self.leases.items()
        return {name: one for name, one in held if one.start + one.duration > now}

    def _write(self, now: int) -> None:
        for one in self.leases.values():
            one.start = min(one.start, now)
        live = self._live(now)
        self.ended += len(self.leases) - len(live)
        self.leases = live

    def ask(self, now: int, name: str, limit: int, duration: int, places: int) -> list[int]:
        """RL.LEASE."""
        is_ahead = any(one.start > now for one in self.leases.values())
        live = self._live(now)
        own = live[name].places if name in live else 0
        others = {holder: one for holder, one in live.items() if holder != name}
        taken = sum(one.places for one in others.values())
        allowed = taken + places <= limit or (name in live and places <= own)
        wait = 0
        if not allowed:
            wait = -1
            ends = sorted({one.end(now) for one in others.values()}) if places <= limit else []
            for end in ends:
                left = sum(one.places for one in others.values() if one.end(now) > end)
                if left + places <= limit:
                    wait = end - now
                    break
        if allowed and places:
            self._write(now)
            self.leases[name] = Lease(now, duration, places)
        elif is_ahead:
            self._write(now)
        live = self._live(now)
        held = sum(one.places for one in live.values())
        reset = max((one.end(now) - now for one in live.values()), default=0)
        return [int(allowed), limit, max(limit - held, 0), wait, reset]

    def renew(self, now: int, duration: int, names: list[str]) -> int:
        """RL.RENEW."""
        found = set(names) & set(self._live(now))
        if found:
            self._write(now)
        for name in found & set(self.leases):
            self.leases[name].start, self.leases[name].duration = now, duration
        return len(found)

    def release(self, now: int, names: list[str]) -> int:
        """RL.RELEASE."""
        found = set(names) & set(self._live(now))
        if found:
            self._write(now)
        for name in found & set(self.leases):
            del self.leases[name]
        self.released += len(found)
        return len(found)

    def forget(self, now: int) -> bool:
        """The key goes. Whether all had ended."""
        live = self._live(now)
        self.ended += len(self.leases) - len(live)
        self.leases = {}
        return not live
