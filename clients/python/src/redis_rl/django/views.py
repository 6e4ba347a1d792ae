"""All kinds of views: functions, methods and classes, blocking and async."""

from __future__ import annotations

from typing import Any

from asgiref.sync import iscoroutinefunction

from redis_rl.errors import ConfigurationError


def awaits(view: Any) -> bool:
    """Whether a view is a coroutine, or `dispatch` of a class whose handlers are."""
    if isinstance(view, type):
        return bool(getattr(view, "view_is_async", False))
    bound = getattr(view, "func", view)  # `method_decorator` passes a partial
    if getattr(bound, "__name__", "") == "dispatch" and hasattr(bound, "__self__"):
        return bool(getattr(bound.__self__, "view_is_async", False))
    return iscoroutinefunction(view)


def check_kind(view: Any, awaiting: bool) -> None:
    """Raise ConfigurationError for a view that a limiter of this kind cannot serve."""
    if getattr(view, "__module__", "") == "django.utils.decorators":
        return  # `method_decorator` tries decorators out on a function of its own
    if not callable(view):
        raise ConfigurationError(
            f'limits.limit(...) must decorate a view, as in @limits.limit("5/minute"), not {view!r}'
        )
    if awaits(view) == awaiting:
        return
    name = getattr(view, "__qualname__", repr(view))
    if awaiting:
        raise ConfigurationError(
            f"{name} must be limited by RateLimits(SyncRateLimiter(url)), as it blocks, "
            "not with an AsyncRateLimiter"
        )
    raise ConfigurationError(
        f"{name} must be limited by RateLimits(AsyncRateLimiter(url)), as it is a coroutine, "
        "not with a SyncRateLimiter"
    )


def request_of(arguments: tuple[Any, ...]) -> Any:
    """The request that a view is called with: first, or after a method's `self`."""
    for argument in arguments[:2]:
        if hasattr(argument, "META"):
            return argument
    raise ConfigurationError(
        f"a limited view must be called with its request, not with {arguments!r}"
    )
