"""Views of every kind: functions, methods, classes; those that block and those that await."""

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
            f'limits.limit(...) decorates views, as in @limits.limit("5/minute"), not {view!r}'
        )
    if awaits(view) == awaiting:
        return
    name = getattr(view, "__qualname__", repr(view))
    if awaiting:
        raise ConfigurationError(
            f"{name} blocks, so its limits must be RateLimits(SyncRateLimiter(url))"
        )
    raise ConfigurationError(
        f"{name} is a coroutine, so its limits must be RateLimits(AsyncRateLimiter(url))"
    )


def request_of(arguments: tuple[Any, ...]) -> Any:
    """The request that a view is called with: first, or after a method's `self`."""
    for argument in arguments[:2]:
        if hasattr(argument, "META"):
            return argument
    raise ConfigurationError(
        f"a view must be called with its request, not with {arguments!r}: "
        "@limits.limit(...) decorates views"
    )
