"""The headers of an outcome, and how they are merged with those that the app has set.

The fields are those of draft-ietf-httpapi-ratelimit-headers-11, which may still change; only this
file knows them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Literal

from redis_rl.errors import ConfigurationError
from redis_rl.outcome import NEVER, Outcome

Legacy = Literal["delta", "epoch", "draft6"]
Headers = list[tuple[str, str]]
RawHeaders = list[tuple[bytes, bytes]]

LEGACY: tuple[str | None, ...] = (None, "delta", "epoch", "draft6")
_JOINED = ("ratelimit", "ratelimit-policy", "cache-control")


def checked_legacy(legacy: str | None) -> str | None:
    """Return it if it is valid; else raise ConfigurationError."""
    if legacy not in LEGACY:
        raise ConfigurationError(f"legacy must be 'delta', 'epoch' or 'draft6', not {legacy!r}")
    return legacy


def seconds(ms: int) -> int:
    """Milliseconds as whole seconds, rounded up: a client that is early is denied again."""
    return -(-ms // 1000)


def rate_headers(outcome: Outcome, legacy: str | None = None, now_ms: int | None = None) -> Headers:
    """The fields that tell a client its limits; none if the request failed open.

    `legacy` adds the older fields of the tightest limit: `delta` and `epoch` choose the form of
    X-RateLimit-Reset (`now_ms` is the time since 1970), `draft6` adds RateLimit-Limit and the
    like.
    """
    if not outcome.rows or outcome.labels is None:
        return []
    members = []
    field = outcome.labels.field
    shown = zip(outcome.policies, outcome.rows, strict=True)
    if outcome.bans and (refusing := outcome.refusing):
        field = ", ".join((field, *map(str, refusing)))
        shown = outcome.shown  # type: ignore[assignment]
    for policy, (allowed, _, remaining, wait_ms, reset_ms) in shown:
        if outcome.allowed and policy.unit is None:
            members.append(f'"{policy.name}";r={remaining};t={seconds(reset_ms)}')
        elif outcome.allowed or wait_ms == NEVER:
            members.append(f'"{policy.name}";r={remaining}')
        elif not allowed:
            members.append(f'"{policy.name}";r={remaining};t={max(1, seconds(wait_ms))}')
    fields = [("RateLimit-Policy", field), ("RateLimit", ", ".join(members))]
    if not outcome.allowed:
        after = retry_after_seconds(outcome)
        if after is not None:
            fields.append(("Retry-After", str(after)))
        fields.append(("Cache-Control", "no-store"))
    return fields + _legacy_headers(outcome, legacy, now_ms) if legacy else fields


def retry_after_seconds(outcome: Outcome) -> int | None:
    """Retry-After of a denial; None if it is denied for good."""
    wait_ms = outcome.retry_after_ms
    return None if wait_ms is None else max(1, seconds(wait_ms))


def raw(headers: Headers) -> RawHeaders:
    """The same in ASGI's form."""
    return [(name.lower().encode(), value.encode()) for name, value in headers]


def merge(set_by_app: Sequence[tuple[str, str]], ours: Headers) -> Headers:
    """Merge our fields into those that are set: the app's stay, ours are appended.

    Of two Retry-After the larger stays.
    """
    merged = list(set_by_app)
    where = {name.lower(): at for at, (name, _) in enumerate(merged)}
    for name, value in ours:
        at = where.get(name.lower())
        if at is None:
            merged.append((name, value))
        else:
            merged[at] = (merged[at][0], _join(name.lower(), merged[at][1], value))
    return merged


def merge_raw(set_by_app: Sequence[tuple[bytes, bytes]], ours: Headers) -> RawHeaders:
    """`merge`, for the headers of an ASGI message."""
    known = {name.lower() for name, _ in set_by_app}
    fields = raw(ours)
    if known.isdisjoint(name for name, _ in fields):
        return [*set_by_app, *fields]
    text = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in set_by_app]
    return [
        (name.encode("latin-1"), value.encode("latin-1"))
        for name, value in merge(text, [(name.lower(), value) for name, value in ours])
    ]


def _join(name: str, theirs: str, ours: str) -> str:
    if name == "retry-after":
        # A date stays: it may be by another clock.
        return ours if theirs.isdecimal() and int(theirs) < int(ours) else theirs
    if ours == theirs or (name == "cache-control" and ours in theirs.lower()):
        return theirs
    if name in _JOINED and theirs.strip():
        return f"{theirs}, {ours}"
    return theirs if theirs.strip() else ours


def _legacy_headers(outcome: Outcome, legacy: str, now_ms: int | None) -> Headers:
    _, (_, limit, remaining, wait_ms, reset_ms) = outcome.tightest_row
    prefix = "RateLimit" if legacy == "draft6" else "X-RateLimit"
    fields = [
        (f"{prefix}-Limit", str(limit)),
        (f"{prefix}-Remaining", str(remaining)),
    ]
    after_ms = reset_ms if outcome.allowed else wait_ms
    if after_ms != NEVER:
        after = seconds(after_ms) if outcome.allowed else max(1, seconds(after_ms))
        if legacy == "epoch":
            now_ms = time.time_ns() // 1_000_000 if now_ms is None else now_ms
            after = seconds(now_ms + after_ms)
        fields.append((f"{prefix}-Reset", str(after)))
    return fields
