"""What goes on, on a terminal; the results have a place of their own."""

from __future__ import annotations

import sys


def say(what: str) -> None:
    """Show what is done now."""
    print(f"  {what}", file=sys.stderr, flush=True)
