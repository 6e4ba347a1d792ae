"""What all the apps here have in common."""

from __future__ import annotations

import os

REDIS_URL = os.environ["REDIS_URL"]
PATH = "/items"
LIMIT = "1000000000/minute"
"""So high that nothing is refused."""


async def items() -> list[dict[str, str]]:
    """The handler: what is limited costs next to nothing."""
    return [{"item": "Foo"}, {"item": "Bar"}]
