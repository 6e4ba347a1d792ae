"""The functions that an application gives for key, cost and exemption."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

_CONNECTIONS = ("Any", "HTTPConnection", "Request", "WebSocket")


def takes_connection(function: Callable[..., Any]) -> bool:
    """Whether it is called with the connection alone; else it is a dependency of FastAPI's.

    So is a function of one parameter that is annotated as a Request or not at all, as in
    `lambda request: ...`. Without a thread in between: it must not block.
    """
    parameters = list(inspect.signature(function).parameters.values())
    if len(parameters) != 1 or parameters[0].default is not inspect.Parameter.empty:
        return False
    if parameters[0].kind not in (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
    ):
        return False
    annotation = parameters[0].annotation
    if annotation is inspect.Parameter.empty:
        return True
    name = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    return name.rpartition(".")[2] in _CONNECTIONS
