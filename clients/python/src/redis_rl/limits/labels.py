"""How headers name what a reply has: a row for each limit, and one for a ban."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from redis_rl.limits.ban import Ban
from redis_rl.limits.grammar import Item
from redis_rl.limits.known import Clause
from redis_rl.limits.limit import Limit
from redis_rl.limits.names import Policy, of_ban, of_clauses, of_unknown, shown
from redis_rl.limits.policy import ServerPolicy

Known = Mapping[str, tuple[Clause, ...]]
"""The clauses of the server's policies by name, as far as they are known."""


class Labels:
    """The limits of a reply as headers name them, in its order."""

    __slots__ = ("bans", "field", "limits", "policies")

    def __init__(
        self,
        policies: Sequence[Policy],
        limits: Sequence[Limit | None],
        bans: Sequence[tuple[int, Policy]] = (),
    ) -> None:
        self.policies = tuple(policies)
        self.limits = tuple(limits)
        """None for a limit that is not known."""
        self.bans = tuple(bans)
        """The rows that are bans', and their names; `policies` and `limits` are without them."""
        self.field = ", ".join(map(str, self.policies))


def has_row(clause: Clause | ServerPolicy) -> bool:
    """Whether a clause has a verdict in the reply."""
    return isinstance(clause, Limit | Ban)


def labels_of(
    items: Sequence[Item],
    own: Sequence[Policy],
    name: str | None,
    known: Known,
    quotas: Sequence[int] | None,
) -> Labels:
    """Name what a reply has whose rows have these limits; None: what is known, as it is known.

    `own` names the limits among the items, and `name` was given for them. A policy whose known
    clauses do not fit the reply is shown by its name, without a window.
    """
    sizes = _sizes(items, known, quotas)
    policies: list[Policy] = []
    limits: list[Limit | None] = []
    bans: list[tuple[int, Policy]] = []
    named = iter(own)
    first, at = name, 0
    own_ban: tuple[int, Ban] | None = None
    for item, size in zip(items, sizes, strict=True):
        if isinstance(item, Limit):
            policies.append(next(named))
            limits.append(item)
            first = first or policies[-1].name
        elif isinstance(item, Ban):
            own_ban = (at, item)
        elif isinstance(item, ServerPolicy):
            here = None if quotas is None else quotas[at : at + size]
            clauses = known.get(item.name)
            if clauses is not None and _fits(clauses, here):
                counted = [one for one in clauses if isinstance(one, Limit)]
                policies += of_clauses(item.name, counted)
                limits += counted
                rows = [one for one in clauses if has_row(one)]
                bans += [
                    (at + row, of_ban(shown(item.name), ban))
                    for row, ban in enumerate(rows)
                    if isinstance(ban, Ban)
                ]
            else:
                policies += of_unknown(item.name, here or ())
                limits += [None] * size
            first = first or shown(item.name)
        at += size
    if own_ban is not None:
        bans.append((own_ban[0], of_ban(first or "", own_ban[1])))
    return Labels(policies, limits, bans)


def _sizes(items: Sequence[Item], known: Known, quotas: Sequence[int] | None) -> list[int]:
    """How many rows of a reply each item has; one policy may have changed its number."""
    sizes = [
        _rows_of(known[one.name])
        if isinstance(one, ServerPolicy) and one.name in known
        # An unknown policy has one row until the reply shows more.
        else int(isinstance(one, Limit | Ban | ServerPolicy))
        for one in items
    ]
    changed = 0 if quotas is None else len(quotas) - sum(sizes)
    if changed:
        places = [at for at, one in enumerate(items) if isinstance(one, ServerPolicy)]
        unknown = [at for at in places if items[at].clause[1] not in known]
        able = [at for at in unknown or places if sizes[at] + changed >= 0]
        sizes[(able or places)[0]] += changed
    return sizes


def _rows_of(clauses: Sequence[Clause]) -> int:
    return sum(map(has_row, clauses))


def _fits(clauses: Sequence[Clause], quotas: Sequence[int] | None) -> bool:
    return quotas is None or [one.quota for one in clauses if isinstance(one, Limit | Ban)] == list(
        quotas
    )
