"""Decorators in the wrong order: a route that took a function before it was limited."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any


def layers(function: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """Yield a function, and those that decorators have wrapped in it."""
    seen: set[int] = set()
    while callable(function) and id(function) not in seen:
        seen.add(id(function))
        yield function
        function = getattr(function, "__wrapped__", None)  # type: ignore[assignment]


def is_unnamed(function: Callable[..., Any], frame: FrameType) -> bool:
    """Whether a function has no name yet, as while decorators are being applied to it.

    Calling a decorator with a function that has a name is deliberate: a function may be served
    with a limit on one route and without it on another.
    """
    module = sys.modules.get(getattr(function, "__module__", ""))
    named = (frame.f_locals, frame.f_globals, getattr(module, "__dict__", {}))
    return not any(one is function for names in named for one in list(names.values()))
