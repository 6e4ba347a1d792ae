"""Commands as one would type them."""

from __future__ import annotations

from support.resp import RawConnection, Reply


def run(raw: RawConnection, line: str) -> Reply:
    """Send the words of a line as a command, and answer its reply."""
    return raw(*line.split())
