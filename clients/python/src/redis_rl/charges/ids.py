"""Ids of charges and of places."""

from __future__ import annotations

import os
from base64 import urlsafe_b64encode

_BYTES = 16


def new_id() -> str:
    """Return one that nobody has, and nobody can guess."""
    return text(os.urandom(_BYTES))


def text(raw: bytes) -> str:
    """Write bytes as base64url without padding."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
