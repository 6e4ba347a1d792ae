"""Bodies of refusals: application/problem+json."""

from __future__ import annotations

import json
from typing import Any

from redis_rl.http.headers import retry_after_seconds
from redis_rl.outcome import Outcome

CONTENT_TYPE = "application/problem+json"
RETRY_AFTER_OUTAGE_S = 1

_QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded"


def denial_detail(outcome: Outcome) -> str:
    """The detail of a 429."""
    after = retry_after_seconds(outcome)
    if after is None:
        return "Rate limit exceeded, the cost of this request is above the limit"
    return f"Rate limit exceeded, retry in {after} s"


def denial(outcome: Outcome) -> dict[str, Any]:
    """The body of a 429."""
    after = retry_after_seconds(outcome)
    return {
        "type": _QUOTA_EXCEEDED,
        "title": "Quota Exceeded",
        "status": 429,
        "detail": denial_detail(outcome),
        "violated-policies": [policy.name for policy, row in outcome.shown if not row[0]],
        **({} if after is None else {"retry_after": after}),
    }


def outage() -> dict[str, Any]:
    """The body of a 503, which says nothing about the store. Its Retry-After is 1."""
    return {
        "type": "about:blank",
        "title": "Service Unavailable",
        "status": 503,
        "detail": "Rate limiter unavailable",
    }


def unidentified() -> dict[str, Any]:
    """The body of a 400."""
    return {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "detail": "The client cannot be identified",
    }


def encoded(body: dict[str, Any]) -> bytes:
    """The bytes of a body."""
    return json.dumps(body, separators=(",", ":")).encode()
