"""Several subjects charged together: what is asked in one RL.ALL, and what its reply says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from redis.crc import key_slot

from redis_rl.errors import ConfigurationError, StoreMisconfigured
from redis_rl.limits.labels import Known, Labels
from redis_rl.limits.limitset import LimitSet
from redis_rl.options import OnError
from redis_rl.outcome import Outcome
from redis_rl.wire.command import named_charge, rl_all

_MOST_SUBJECTS = 8
_MOST_ITEMS = 16

Name = str | int
"""What a subject is called: its name, or its place."""


class Part(NamedTuple):
    """One subject's."""

    name: Name
    key: str
    limits: LimitSet
    cost: int


class PreparedAll(NamedTuple):
    """An RL.ALL that is ready to be sent, as `base.Prepared` is a check."""

    parts: tuple[Part, ...]
    command: bytes
    mode: OnError
    policies: tuple[str, ...]
    """The server's policies to ask for along with it."""
    id: str | None
    settles: bool = False
    """Whether each charge may be settled."""
    asked_at: float = 0.0
    """When, if a refusal is to be kept."""

    @property
    def key(self) -> str:
        """By which it finds its server."""
        return self.parts[0].key

    @property
    def keys(self) -> str:
        """All keys, as the outcome shows them."""
        return ", ".join(part.key for part in self.parts)

    @property
    def cost(self) -> int:
        """All costs."""
        return sum(part.cost for part in self.parts)

    @property
    def named(self) -> tuple[str, ...]:
        """The server's policies among the limits."""
        return tuple(name for part in self.parts for name in part.limits.named)


def command_of(parts: Sequence[Part], id: str | None, settles: bool) -> bytes:
    """The command that asks for all."""
    keep_s = max(part.limits.keep_s for part in parts) if settles else None
    return rl_all(
        [(part.key, part.limits.clauses, part.limits.count, part.cost) for part in parts],
        () if id is None else named_charge(id, keep_s),
    )


def check_parts(parts: Sequence[Part]) -> None:
    """Raise ConfigurationError for keys that one RL.ALL cannot have."""
    keys = [part.key for part in parts]
    if len(set(keys)) < len(keys):
        raise ConfigurationError(
            f"subjects that are charged together must differ in their keys, not be {keys}"
        )


def check_sets(sets: Sequence[LimitSet], what: str) -> None:
    """Raise ConfigurationError for more than one RL.ALL can have."""
    if not 1 <= len(sets) <= _MOST_SUBJECTS:
        raise ConfigurationError(
            f"{what} must have 1 to {_MOST_SUBJECTS} subjects, not {len(sets)}"
        )
    items = sum(len(one.limits) for one in sets)
    if items > _MOST_ITEMS:
        raise ConfigurationError(
            f"{what} must have at most {_MOST_ITEMS} limits in all, not {items}"
        )


def check_slot(parts: Sequence[Part]) -> None:
    """Raise ConfigurationError for keys that are not in one slot of a cluster."""
    if len({key_slot(part.key.encode("utf-8", "surrogatepass")) for part in parts}) > 1:
        raise ConfigurationError(NO_SLOT)


NO_SLOT = (
    "slot must be given where several subjects are charged together in a cluster, as in "
    'slot="acme": it is the hash tag that puts their keys in one slot'
)


def outcome_of(asked: PreparedAll, reply: Any, known: Known) -> Outcome:
    """Read RL.ALL's reply; anything else raises StoreMisconfigured."""
    if type(reply) is not list or not reply or type(reply[0]) is not int:
        raise _unreadable(reply)
    rows, at = reply[1:], 0
    each: dict[Name, Outcome] = {}
    for part, size in zip(asked.parts, _sizes(asked.parts, len(rows), known), strict=True):
        mine = rows[at : at + size]
        at += size
        if not all(type(row) is list and row for row in mine):
            raise _unreadable(reply)
        said = [int(all(row[0] for row in mine)), *mine]
        each[part.name] = Outcome.from_reply(said, part.limits, part.key, part.cost, known)
    if at != len(rows) or reply[0] != all(one.allowed for one in each.values()):
        raise _unreadable(reply)
    return joined(each, asked.keys, asked.cost)


def joined(each: Mapping[Name, Outcome], keys: str, cost: int) -> Outcome:
    """The outcome of all."""
    parts = list(each.values())
    every = [one.labels for one in parts if one.labels is not None]
    labels = Labels(
        [policy for one in every for policy in one.policies],
        [limit for one in every for limit in one.limits],
        [ban for one in every for ban in one.bans],
    )
    return Outcome(
        all(one.allowed for one in parts),
        [row for one in parts for row in one.rows],
        labels if every else None,
        keys,
        cost,
        parts[0].source,
        [row for one in parts for row in one.bans],
        each,
    )


def _sizes(parts: Sequence[Part], rows: int, known: Known) -> list[int]:
    """How many rows each has; that of one with a policy may have changed."""
    sizes = [part.limits.rows_with(known) for part in parts]
    changed = rows - sum(sizes)
    if changed:
        able = [at for at, part in enumerate(parts) if part.limits.named]
        unknown = [at for at in able if any(name not in known for name in parts[at].limits.named)]
        for at in (unknown or able)[:1]:
            sizes[at] = max(0, sizes[at] + changed)
    return sizes


def _unreadable(reply: object) -> StoreMisconfigured:
    return StoreMisconfigured(
        f"RL.ALL must answer with a verdict for each limit, not {reply!r}: "
        "is it redis-rl's module that answers?"
    )
