"""The adapters of Flask, as `web.apps.adapters` has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flask

from redis_rl.flask import RateLimits
from web.apps.adapters import (
    METHODS,
    Answer,
    Limited,
    OfHeaders,
    Threaded,
    dashed,
    lower,
    made_by,
)
from web.apps.asking import ADDRESS


class Flask(Threaded):
    """Flask's views."""

    template = "/items/<int:id>"

    def serve(self, *limits: Limited) -> None:
        """Stack decorators below the route."""
        self.app = flask.Flask(__name__)
        self.limits = RateLimits(self.app, self.limiter)
        view = self.view()
        for one in reversed(limits):
            view = made_by(self.limits, "limit", one)(*one.limits, **one.options)(view)
        self.app.route("/items/<int:id>", methods=METHODS, provide_automatic_options=False)(view)

    def view(self) -> Callable[..., Any]:
        """The view, before it is limited."""

        def item(id: int) -> flask.Response:  # noqa: ARG001
            self.handled()
            return flask.Response("ok", self.status, self.sends)

        return item

    def ask(
        self,
        method: str = "GET",
        path: str = "/items/1",
        address: str | None = ADDRESS,
        **headers: str,
    ) -> Answer:
        """Ask over Werkzeug's client."""
        self.app.testing = self.raising
        response = self.app.test_client().open(
            path,
            method=method,
            headers=dashed(headers),
            environ_overrides={"REMOTE_ADDR": address or ""},
        )
        return Answer(response.status_code, lower(response.headers), response.data)

    def function(self, of_headers: OfHeaders) -> Callable[..., Any]:
        """Take nothing: the request is Flask's."""
        return lambda: of_headers(lower(flask.request.headers))


class AsyncFlask(Flask):
    """Flask's views that are coroutines."""

    def view(self) -> Callable[..., Any]:
        """The view, before it is limited."""

        async def item(id: int) -> flask.Response:  # noqa: ARG001
            self.handled()
            return flask.Response("ok", self.status, self.sends)

        return item
