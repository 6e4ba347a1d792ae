"""Every adapter behind one way of asking, so that one test shows a rule in all of them.

Each serves `/items/{id}` under limits that one request meets together, first to last.
"""

from __future__ import annotations

import asyncio
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import httpx
from fastapi import Depends, FastAPI, Request
from fastapi.responses import PlainTextResponse
from starlette.applications import Starlette
from starlette.routing import Route

from redis_rl import RateLimiter, SyncRateLimiter
from redis_rl.asgi import ConcurrencyMiddleware, RateLimitAllMiddleware, RateLimitMiddleware
from redis_rl.fastapi import RateLimiter as FastAPILimiter
from store.kinds import LONG
from web.apps.asking import ADDRESS, asking

METHODS = ["GET", "HEAD", "POST", "PUT", "OPTIONS", "BREW", "PROPFIND"]
"""What the routes take, two that HTTP does not define included."""

OfHeaders = Callable[[Mapping[str, str]], Any]


@dataclass(frozen=True)
class Limited:
    """The arguments of one limit."""

    limits: tuple[Any, ...]
    options: dict[str, Any]
    kind: str = ""
    """What follows the name of the method that makes it: `_all`."""


def limited(*limits: Any, **options: Any) -> Limited:
    """A limit, as an app writes it."""
    return Limited(limits, options)


def limited_places(*limits: Any, **options: Any) -> Limited:
    """So many at once."""
    return Limited(limits, options, "_concurrency")


def limited_all(subjects: Any, **options: Any) -> Limited:
    """Limits of several subjects."""
    return Limited((subjects,), options, "_all")


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def left(self) -> list[int]:
        """What RateLimit says is left, limit by limit."""
        return [int(left) for left in re.findall(r";r=(\d+)", self.headers.get("ratelimit", ""))]


@dataclass
class Adapter(ABC):
    """One adapter with its limiter, until `close`."""

    url: str
    settings: dict[str, Any] = field(default_factory=dict)
    sends: dict[str, str] = field(default_factory=dict)
    """Headers that the handler sets."""
    status: int = 200
    """What the handler answers."""
    raises: Exception | None = None
    """What it raises instead."""
    during: Callable[[], None] | None = None
    """What the test does while a request is handled."""
    served: int = 0
    """How many requests reached the handler."""
    raising: bool = False
    """Whether errors of the app are raised; else they are 500s."""

    template: ClassVar[str | None] = "/items/{id}"
    """How the framework writes the route; None where the adapter knows no routes."""

    def __post_init__(self) -> None:
        self.limiter = self.make_limiter(self.url, **{**LONG, **self.settings})

    @abstractmethod
    def make_limiter(self, url: str, **settings: Any) -> Any:
        """The kind of limiter that it takes."""

    @abstractmethod
    def serve(self, *limits: Limited) -> None:
        """Set the app up."""

    def handled(self) -> None:
        """Handle a request."""
        self.served += 1
        if self.during is not None:
            self.during()
        if self.raises is not None:
            raise self.raises

    @abstractmethod
    def ask(
        self,
        method: str = "GET",
        path: str = "/items/1",
        address: str | None = ADDRESS,
        **headers: str,
    ) -> Answer:
        """Ask the app; underscores in names of headers are dashes."""

    @abstractmethod
    def finish(self) -> None:
        """Let what goes on in the background end."""

    @abstractmethod
    def close(self) -> None:
        """Close the limiter."""

    def function(self, of_headers: OfHeaders) -> Callable[..., Any]:
        """A key, cost or other function, called as the framework calls it."""
        return lambda request: of_headers(lower(request.headers))

    def statuses(self, count: int, *arguments: Any, **options: Any) -> list[int]:
        """Ask several times."""
        return [self.ask(*arguments, **options).status for _ in range(count)]


def made_by(limits: Any, method: str, one: Limited) -> Any:
    """The method that makes a limit of its kind."""
    name = method + one.kind
    return getattr(limits, "concurrency" if name == "limit_concurrency" else name)


def lower(headers: Any) -> dict[str, str]:
    """Names of headers in lower case."""
    return {name.lower(): value for name, value in headers.items()}


def dashed(headers: Mapping[str, str]) -> dict[str, str]:
    """Names as they are sent."""
    return {name.replace("_", "-"): value for name, value in headers.items()}


class OverASGI(Adapter):
    """Asked within an event loop of the test's own."""

    app: Any

    def __post_init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        super().__post_init__()

    def ask(
        self,
        method: str = "GET",
        path: str = "/items/1",
        address: str | None = ADDRESS,
        **headers: str,
    ) -> Answer:
        """Ask over httpx."""

        async def answer() -> httpx.Response:
            async with asking(self.app, address, raising=self.raising) as client:
                return await client.request(method, path, headers=dashed(headers))

        response = self.loop.run_until_complete(answer())
        return Answer(response.status_code, lower(response.headers), response.content)

    def finish(self) -> None:
        """Let what goes on in the background end."""
        self.loop.run_until_complete(self.limiter.aclose())

    def close(self) -> None:
        """Close the limiter, then the loop."""
        self.finish()
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        if tasks:
            self.loop.run_until_complete(asyncio.wait(tasks))
        self.loop.close()

    async def item(self) -> PlainTextResponse:
        """Handle a request."""
        self.handled()
        return PlainTextResponse("ok", self.status, self.sends)


class Dependency(OverASGI):
    """FastAPI, by dependencies."""

    def make_limiter(self, url: str, **settings: Any) -> Any:
        """FastAPI's."""
        return FastAPILimiter(url, **settings)

    def serve(self, *limits: Limited) -> None:
        """Put all on the route."""
        self.app = FastAPI()
        self.limiter.install(self.app)
        made = [
            Depends(made_by(self.limiter, "limit", one)(*one.limits, **one.options))
            for one in limits
        ]
        self.app.api_route("/items/{id}", methods=METHODS, dependencies=made)(self.item)


class Decorator(Dependency):
    """FastAPI, by decorators."""

    def serve(self, *limits: Limited) -> None:
        """Put all on the endpoint; the one that is met first is next to the function."""
        self.app = FastAPI()
        self.limiter.install(self.app)

        async def item() -> PlainTextResponse:
            return await self.item()

        for one in limits:
            item = made_by(self.limiter, "limited", one)(*one.limits, **one.options)(item)
        self.app.api_route("/items/{id}", methods=METHODS)(item)


class Middleware(OverASGI):
    """The ASGI middleware before Starlette."""

    template = None

    def make_limiter(self, url: str, **settings: Any) -> Any:
        """The core's."""
        return RateLimiter(url, **settings)

    def serve(self, *limits: Limited) -> None:
        """Put one around the other."""

        async def item(_: Request) -> PlainTextResponse:
            return await self.item()

        self.app = Starlette(routes=[Route("/items/{id}", item, methods=METHODS)])
        for one in reversed(limits):
            made = MIDDLEWARE[one.kind]
            self.app = made(self.app, self.limiter, *one.limits, **one.options)

    def function(self, of_headers: OfHeaders) -> Callable[..., Any]:
        """Take the ASGI scope."""
        return lambda scope: of_headers(
            {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        )


MIDDLEWARE: dict[str, Any] = {
    "": RateLimitMiddleware,
    "_all": RateLimitAllMiddleware,
    "_concurrency": ConcurrencyMiddleware,
}


class Threaded(Adapter):
    """With the synchronous limiter."""

    def make_limiter(self, url: str, **settings: Any) -> Any:
        """The one for threads."""
        return SyncRateLimiter(url, **settings)

    def finish(self) -> None:
        """Let what goes on in the background end."""
        self.limiter.close()

    def close(self) -> None:
        """Close the limiter."""
        self.limiter.close()
