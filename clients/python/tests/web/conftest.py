"""The limiter that FastAPI uses, on the shared server; and every adapter in turn."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import django
import pytest

from redis_rl.fastapi import RateLimiter
from store.kinds import LONG
from web.apps.adapters import Adapter, Limited

os.environ["DJANGO_SETTINGS_MODULE"] = "web.apps.settings"
django.setup()

Serve = Callable[..., Adapter]


@pytest.fixture
async def limiter(url: str) -> AsyncIterator[RateLimiter]:
    """A limiter on the shared server."""
    limiter = RateLimiter(url, **LONG)
    yield limiter
    await limiter.aclose()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that takes `adapter`, or `make`, with every adapter."""
    if "adapter" in metafunc.fixturenames:
        from web.apps.every import ADAPTERS

        metafunc.parametrize("adapter", ADAPTERS, ids=[one.__name__ for one in ADAPTERS])


@pytest.fixture
def make(adapter: type[Adapter], url: str) -> Iterator[Serve]:
    """Make the adapter's app on the shared server; closed after the test.

    A limit that depends on the adapter, as a key function does, is made by a function of it.
    """
    made: list[Adapter] = []

    def serve(
        *limits: Limited | Callable[[Adapter], Limited],
        url: str = url,
        sends: dict[str, str] | None = None,
        **settings: Any,
    ) -> Adapter:
        site = adapter(url, settings, sends or {})
        made.append(site)
        site.serve(*(one(site) if callable(one) else one for one in limits))
        return site

    yield serve
    for site in made:
        site.close()
