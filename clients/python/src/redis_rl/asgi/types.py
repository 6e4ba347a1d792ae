"""The types of ASGI."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

# Each framework has types of its own for scopes and messages, so these are any.
Scope = Any
Message = Any
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]
