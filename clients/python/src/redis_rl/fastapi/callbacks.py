"""The functions that an application gives for key, cost and exemption."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

_CONNECTIONS = ("Any", "HTTPConnection", "Request", "WebSocket")


def takes_connection(function: Callable[..., Any]) -> bool:
    """Whether to call it with the connection; otherwise it is a dependency for FastAPI.

    True for a function of one parameter that is annotated as a Request or not at all, such as
    `lambda request: ...`. It is called in the event loop, so it must not block.
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
