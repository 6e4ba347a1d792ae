"""What goes into responses: the rate headers of all checks, and refusals."""

from __future__ import annotations

from collections.abc import Iterable

from redis_rl.errors import CannotDecide, CannotIdentify
from redis_rl.http.denied import RateLimitExceeded
from redis_rl.http.headers import Headers, merge, rate_headers
from redis_rl.http.problem import RETRY_AFTER_OUTAGE_S, denial, encoded, outage, unidentified
from redis_rl.outcome import Outcome

_UNIDENTIFIED_HEADERS: Headers = [("Cache-Control", "no-store")]
_OUTAGE_HEADERS: Headers = [("Retry-After", str(RETRY_AFTER_OUTAGE_S))]


def headers_of(outcomes: Iterable[Outcome], legacy: str | None = None) -> Headers:
    """The rate headers of all checks of one request, in order.

    Once a check is denied, the others show only their policies.
    """
    every = [outcome for outcome in outcomes if outcome.rows]
    if len(every) == 1:
        return rate_headers(every[0], legacy)
    denied = [outcome for outcome in every if not outcome.allowed]
    told = min(denied or every, key=_left, default=None)
    fields: Headers = []
    for outcome in every:
        ours = rate_headers(outcome, legacy if outcome is told else None)
        if denied and outcome.allowed:
            ours = [field for field in ours if field[0] == "RateLimit-Policy"]
        fields = merge(fields, ours)
    return fields


def _left(outcome: Outcome) -> float:
    tightest = outcome.tightest
    return tightest.remaining / tightest.limit if tightest and tightest.limit else 0.0


def refusal(error: RateLimitExceeded | CannotDecide) -> tuple[int, Headers, bytes]:
    """Status, headers and body of a refusal; the rate headers are not among them."""
    if isinstance(error, RateLimitExceeded):
        return 429, [], encoded(denial(error.outcome))
    if isinstance(error, CannotIdentify):
        return 400, _UNIDENTIFIED_HEADERS, encoded(unidentified())
    return 503, _OUTAGE_HEADERS, encoded(outage())
