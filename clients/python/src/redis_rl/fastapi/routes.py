"""The route template of a request in FastAPI: the scope of a limit without a name.

It is what the application wrote, never the path that a client wrote: each new spelling of a path
would be a new budget.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from starlette.routing import Host, Mount

try:  # Newer versions of FastAPI keep the routes of an included router to themselves.
    from fastapi.routing import iter_route_contexts
except ImportError:
    iter_route_contexts = iter  # type: ignore[assignment]


def route_template(scope: Mapping[str, Any]) -> str | None:
    """Return `/items/{id}`, with the templates of all mounts before it.

    A slash at the end does not count. None means that no route matched.
    """
    template = getattr(_effective_route(scope), "path_format", None)
    if template is None:
        return None
    root: str = scope.get("root_path", "")
    outside: str = scope.get("app_root_path", root)
    mount = ""
    if len(root) > len(outside) and root.startswith(outside):
        mount = _mount_template(scope["router"].routes, root[len(outside) :] + "/") or ""
    return (mount + template).rstrip("/") or "/"


def _effective_route(scope: Mapping[str, Any]) -> Any:
    """Return the route that matched, with the prefixes of its routers.

    `scope["route"]` lacks them if FastAPI keeps included routers; then the context has them.
    An older Starlette has no route there, only its endpoint.
    """
    route = scope.get("route")
    if route is None and "router" in scope:
        return _route_of(scope["router"].routes, scope.get("endpoint"))
    context = scope.get("fastapi", {}).get("effective_route_context")
    return context if context is not None and context.original_route is route else route


def _route_of(routes: Iterable[Any], endpoint: Any) -> Any:
    for route in routes:
        if getattr(route, "endpoint", None) is endpoint:
            return route
        if within := _route_of(getattr(route, "routes", ()), endpoint):
            return within
    return None


def all_routes(routes: Iterable[Any]) -> Iterable[Any]:
    """Return the routes one by one, those of included routers with their prefix."""
    return iter_route_contexts(routes)  # type: ignore[arg-type]


def _mount_template(routes: Iterable[Any], path: str) -> str | None:
    """Return the templates of the nested mounts that `path` leads through, if any."""
    for route in all_routes(routes):
        original = getattr(route, "original_route", route)
        if isinstance(original, Host):
            template, rest = "", path
        elif isinstance(original, Mount) and (match := route.path_regex.match(path)):
            template, rest = route.path, "/" + match["path"]
        else:
            continue
        below = "" if rest == "/" else _mount_template(route.routes, rest)
        if below is not None:
            return template + below
    return None
