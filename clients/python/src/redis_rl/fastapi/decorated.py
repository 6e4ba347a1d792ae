"""Endpoints that carry their limit themselves: `@limiter.limited("5/minute")`."""

from __future__ import annotations

import functools
import gc
import inspect
import sys
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn, TypeVar

from fastapi import Depends
from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute

from redis_rl.errors import ConfigurationError
from redis_rl.rules.order import is_unnamed, layers

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
Check = Callable[[HTTPConnection], Awaitable[object]]


class Limited:
    """A decorator for endpoints, made by `RateLimiter.limited`."""

    def __init__(self, check: Check) -> None:
        self._check = check

    def __call__(self, endpoint: Endpoint) -> Endpoint:
        """Limit an endpoint."""
        if not callable(endpoint) or inspect.isclass(endpoint):
            raise ConfigurationError(
                f"a limited endpoint must be a function, not {endpoint!r}: in a class, decorate "
                "its handlers"
            )
        frame = sys._getframe(1)
        for at, (layer, references) in enumerate(_references(endpoint)):
            if references > _FRESH[min(at, 1)] and is_unnamed(layer, frame) and _served(layer):
                raise ConfigurationError(
                    '@limiter.limited("5/minute") must be below @app.get(...), next to the '
                    f"function: {endpoint.__qualname__} is served without its limit"
                )
        return limited_endpoint(endpoint, self._check)

    @property
    def __signature__(self) -> NoReturn:
        """FastAPI asks endpoints and dependencies for their parameters, and this is neither."""
        raise ConfigurationError(
            'a dependency must be written Depends(limiter.limit("5/minute")), and a decorator '
            '@limiter.limited("5/minute") below @app.get(...)'
        )


def _references(endpoint: Any) -> list[tuple[Any, int]]:
    """Return the layers of an endpoint, and how often each is referred to."""
    return [(layer, sys.getrefcount(layer)) for layer in layers(endpoint)]


class _Counting:
    """Called like Limited."""

    def __call__(self, endpoint: Any) -> list[int]:
        return [references for _, references in _references(endpoint)]


def _wrapped(function: Any) -> Any:
    return functools.wraps(function)(lambda: function())


_FRESH = _Counting()(_wrapped(lambda: None))
"""How often they are referred to if only decorators know them. Finding out who does is slow."""


def _served(endpoint: Any) -> bool:
    """Whether a route of any app has it."""
    holders = gc.get_referrers(endpoint)
    return any(
        isinstance(one, BaseRoute)
        or (isinstance(one, dict) and one.get("endpoint") is endpoint and "path" in one)
        for one in holders
    )


def limited_endpoint(endpoint: Endpoint, check: Check) -> Endpoint:
    """Return `endpoint` with one more dependency, which it does not see.

    FastAPI resolves it like any other. Starlette has no dependencies: there the endpoint must be
    async and take its request, and the check uses that.
    """
    signature = _signature(endpoint)
    name = _free_name(signature)

    def given(kwargs: dict[str, Any]) -> bool:
        return kwargs.pop(name, check) is not check

    @functools.wraps(endpoint)
    async def awaited(*args: Any, **kwargs: Any) -> Any:
        if not given(kwargs) and (connection := _connection(args, kwargs)):
            await check(connection)
        return await endpoint(*args, **kwargs)

    @functools.wraps(endpoint)
    def called(*args: Any, **kwargs: Any) -> Any:
        if not given(kwargs) and _connection(args, kwargs):
            raise TypeError(
                f"{endpoint.__qualname__} must be async, as it has a limit outside FastAPI"
            )
        return endpoint(*args, **kwargs)

    wrapper: Any = awaited if inspect.iscoroutinefunction(endpoint) else called
    wrapper.__signature__ = _with_dependency(signature, name, check)
    return wrapper  # type: ignore[no-any-return]


def _signature(endpoint: Callable[..., Any]) -> inspect.Signature:
    """Read it with its annotations evaluated: their names are known only in its module."""
    try:
        return inspect.signature(endpoint, eval_str=True)
    except NameError:  # a name of an `if TYPE_CHECKING`: FastAPI will say so if it needs it
        return inspect.signature(endpoint)


def _free_name(signature: inspect.Signature) -> str:
    name = "rate_limit"
    while name in signature.parameters:
        name += "_"
    return name


def _with_dependency(signature: inspect.Signature, name: str, check: Check) -> inspect.Signature:
    added = inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=Depends(check))
    parameters = list(signature.parameters.values())
    at = len(parameters) - any(one.kind is one.VAR_KEYWORD for one in parameters)
    return signature.replace(parameters=[*parameters[:at], added, *parameters[at:]])


def _connection(args: tuple[Any, ...], kwargs: dict[str, Any]) -> HTTPConnection | None:
    every = (*args, *kwargs.values())
    return next((one for one in every if isinstance(one, HTTPConnection)), None)
