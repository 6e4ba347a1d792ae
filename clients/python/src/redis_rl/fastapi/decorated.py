"""Endpoints that carry their limit themselves: `@limiter.limited("5/minute")`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

from fastapi import Depends
from starlette.requests import HTTPConnection

from redis_rl.errors import ConfigurationError
from redis_rl.fastapi.routes import all_routes

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
Check = Callable[[HTTPConnection], Awaitable[object]]


def limited_endpoint(endpoint: Endpoint, check: Check) -> Endpoint:
    """Answer `endpoint` with one more dependency, which it does not see.

    FastAPI resolves it as any other. Starlette has no dependencies: there the endpoint must be
    async and be given its request, and the check runs on that.
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
                f"{endpoint.__qualname__} has a limit: outside FastAPI it must be async"
            )
        return endpoint(*args, **kwargs)

    wrapper: Any = awaited if inspect.iscoroutinefunction(endpoint) else called
    wrapper.__signature__ = _with_dependency(signature, name, check)
    return wrapper  # type: ignore[no-any-return]


def check_order(routes: Iterable[Any], limited: Iterable[tuple[Any, Any]]) -> None:
    """Raise ConfigurationError for an endpoint that a route took before it was limited.

    `limited` has endpoints, and what was made of each.
    """
    served = {id(getattr(route, "endpoint", None)) for route in all_routes(routes)}
    for endpoint, wrapper in limited:
        if id(endpoint) in served and id(wrapper) not in served:
            raise ConfigurationError(
                f"{endpoint.__qualname__} is served without its limit: "
                "@limiter.limited(...) belongs below @app.get(...), next to the function"
            )


def _signature(endpoint: Callable[..., Any]) -> inspect.Signature:
    """Read it with annotations that are no text, as their names are known only in its module."""
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
