"""Decorators in the wrong order: a route that took a function before it was limited."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any


def is_unnamed(function: Callable[..., Any], depth: int = 2) -> bool:
    """Whether nobody has a name for a function yet, as while decorators are applied to it.

    Who calls a decorator with a function that has a name does so on purpose: a function may be
    served with a limit on one route and without it on another. `depth` is how many calls there
    are from the code that does.
    """
    frame = sys._getframe(depth)
    module = sys.modules.get(getattr(function, "__module__", ""))
    named = (frame.f_locals, frame.f_globals, getattr(module, "__dict__", {}))
    return not any(one is function for names in named for one in list(names.values()))
