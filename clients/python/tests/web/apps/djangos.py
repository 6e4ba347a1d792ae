"""The adapters of Django and Django REST framework, as `web.apps.adapters` has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asgiref.sync import async_to_sync
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import path as route
from django.utils.decorators import method_decorator
from django.views import View
from rest_framework.decorators import api_view
from rest_framework.response import Response
from rest_framework.views import APIView

from redis_rl import RateLimiter
from redis_rl.django import RateLimits
from web.apps.adapters import Answer, Limited, Threaded, dashed, lower, made_by
from web.apps.asking import ADDRESS

HANDLED = ["get", "head", "post", "put", "options", "brew", "propfind"]


class Django(Threaded):
    """Django's views."""

    template = "/items/<int:id>"

    def serve(self, *limits: Limited) -> None:
        """Stack decorators on the view."""
        self.limits = RateLimits(self.limiter)
        self.urls = (route("items/<int:id>", self.view(self.decorators(limits))),)

    def decorators(self, limits: tuple[Limited, ...]) -> list[Any]:
        """The first is the outermost."""
        return [made_by(self.limits, "limit", one)(*one.limits, **one.options) for one in limits]

    def view(self, decorators: list[Any]) -> Callable[..., Any]:
        """The view, limited."""

        def item(_: HttpRequest, id: int) -> HttpResponse:  # noqa: ARG001
            return self.item()

        return decorated(item, decorators)

    def item(self) -> Any:
        """Handle a request."""
        self.handled()
        return HttpResponse("ok", status=self.status, headers=self.sends)

    def ask(
        self,
        method: str = "GET",
        path: str = "/items/1",
        address: str | None = ADDRESS,
        **headers: str,
    ) -> Answer:
        """Ask over Django's client."""
        client = Client(raise_request_exception=self.raising)
        with override_settings(ROOT_URLCONF=self.urls):
            response: Any = client.generic(
                method, path, headers=dashed(headers), REMOTE_ADDR=address or ""
            )
        return Answer(response.status_code, lower(response.headers), response.content)


def decorated(view: Callable[..., Any], decorators: list[Any]) -> Callable[..., Any]:
    """The first decorator is the outermost."""
    for decorator in reversed(decorators):
        view = decorator(view)
    return view


class DjangoClass(Django):
    """Django's class-based views."""

    def view(self, decorators: list[Any]) -> Callable[..., Any]:
        """Decorate `dispatch`, as Django's documentation does."""

        def handle(_: Any, __: HttpRequest, id: int) -> HttpResponse:  # noqa: ARG001
            return self.item()

        members = {"http_method_names": HANDLED, **dict.fromkeys(HANDLED, handle)}
        item: Any = type("Item", (View,), members)
        return method_decorator(decorators, name="dispatch")(item).as_view()  # type: ignore[no-any-return]


class AsyncDjango(Django):
    """Django's views that are coroutines."""

    def make_limiter(self, url: str, **settings: Any) -> Any:
        """The one that is awaited."""
        return RateLimiter(url, **settings)

    def finish(self) -> None:
        """Each request has a loop of its own, which has ended."""

    def close(self) -> None:
        """Close the limiter."""
        async_to_sync(self.limiter.aclose)()

    def view(self, decorators: list[Any]) -> Callable[..., Any]:
        """The view, limited."""

        async def item(_: HttpRequest, id: int) -> HttpResponse:  # noqa: ARG001
            return self.item()

        return decorated(item, decorators)


class AsyncDjangoClass(AsyncDjango):
    """Django's class-based views whose handlers are coroutines."""

    def view(self, decorators: list[Any]) -> Callable[..., Any]:
        """Decorate `dispatch`, as Django's documentation does."""

        async def handle(_: Any, __: HttpRequest, id: int) -> HttpResponse:  # noqa: ARG001
            return self.item()

        members = {"http_method_names": HANDLED, **dict.fromkeys(HANDLED, handle)}
        item: Any = type("Item", (View,), members)
        return method_decorator(decorators, name="dispatch")(item).as_view()  # type: ignore[no-any-return]


class Rest(Django):
    """Function views of Django REST framework."""

    def view(self, decorators: list[Any]) -> Callable[..., Any]:
        """Decorate what `api_view` made."""

        @api_view([method.upper() for method in HANDLED])
        def item(_: Any, id: int) -> Response:  # noqa: ARG001
            return self.item()

        return decorated(item, decorators)

    def item(self) -> Any:
        """Handle a request."""
        self.handled()
        return Response("ok", self.status, headers=self.sends)


class RestClass(Rest):
    """Class-based views of Django REST framework, whose handlers are limited."""

    def view(self, decorators: list[Any]) -> Callable[..., Any]:
        """Decorate each handler, as its documentation does."""

        def handle(_: Any, __: HttpRequest, id: int) -> Response:  # noqa: ARG001
            return self.item()

        handler = method_decorator(decorators)(handle)
        members = {"http_method_names": HANDLED, **dict.fromkeys(HANDLED, handler)}
        item: Any = type("Item", (APIView,), members)
        return item.as_view()  # type: ignore[no-any-return]


class RestThrottle(Rest):
    """Throttle classes of Django REST framework."""

    def decorators(self, limits: tuple[Limited, ...]) -> list[Any]:
        """Throttles, in order."""
        return [made_by(self.limits, "throttle", one)(*one.limits, **one.options) for one in limits]

    def view(self, decorators: list[Any]) -> Callable[..., Any]:
        """List them on the view."""

        def handle(_: Any, __: HttpRequest, id: int) -> Response:  # noqa: ARG001
            return self.item()

        members = {
            "http_method_names": HANDLED,
            "throttle_classes": decorators,
            **dict.fromkeys(HANDLED, handle),
        }
        item: Any = type("Item", (APIView,), members)
        return item.as_view()  # type: ignore[no-any-return]
