"""Other spellings of a path: whoever reaches a handler pays from its one budget."""

from __future__ import annotations

import pytest

from conformance.tools.apps import App
from conformance.tools.keyspace import keys
from conformance.tools.monitor import Monitor
from conformance.tools.wire import everything
from support.server import Server

ITEMS = "rl:GET%20%2Fitems:ip:127.0.0.1"
LIST = [{"item": "Foo"}, {"item": "Bar"}]

SPELLINGS = [
    "/items?", "/items?x=1", "/items?/items/2", "/items/", "/items//", "//items", "/ITEMS",
    "/Items",
    "/%69tems", "/item%73", "/items%2F", "/items%2f", "/%2Fitems", "/./items", "/x/../items",
    "/items/.", "/items/..", "/items/%2e%2e/items", "/items/%2e", "/items;x=1", "/items%3Fx",
    "/items%00", "/items%20", "/items/%20", "/items%ff", "/items/%ff", "/items/%00", "/items/%",
    "/items/%zz",
    "/items/a%2Fb", "/items/a%5Cb", "\\items", "http://localhost/items", "http://elsewhere/items/",
    "/items/" + "x" * 4000, "*", "/items/%F0%9F%92%A9", "/items#fragment",
]  # fmt: skip


@pytest.mark.parametrize("target", SPELLINGS)
def test_a_spelling_that_is_served_is_charged_to_the_route(
    app: App, server: Server, monitor: Monitor, target: str
) -> None:
    answer = app.get(target)
    assert answer.status < 500, answer.body
    commands = monitor.commands()
    charged = keys(server)
    if answer.status == 200 and answer.json() == LIST:
        assert charged == [ITEMS]
    elif answer.status == 200:
        assert list(answer.json()) == ["item"]
        assert len(charged) == 1
        assert charged != [ITEMS]
    elif answer.status != 400:
        assert commands == []
    assert len(commands) == len(charged) <= 1


@pytest.mark.parametrize("target", SPELLINGS)
def test_no_spelling_outruns_a_limit(app: App, server: Server, target: str) -> None:
    for one in ("/items", "/items/1"):
        assert [app.get(one).status for _ in range(6)][-1] == 429
    assert app.get(target).status != 200
    assert len(keys(server)) == 2


@pytest.mark.parametrize(
    "data",
    [
        b"GET /items\r\n\r\n",
        b"GET /items HTTP/1.0\r\n\r\n",
        b"GET /items HTTP/1.0\r\nConnection: close\r\n\r\n",
        b"GET /items HTTP/3.0\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"get /items HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /items HTTP/1.1\r\nConnection: close\r\n\r\n",
        b"GET /items HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: a\0b\r\n\r\n",
    ],
)
def test_an_odd_request_is_charged_if_it_is_served(app: App, server: Server, data: bytes) -> None:
    answer = everything(app.port, data)
    assert keys(server) == ([ITEMS] if b" 200 " in answer.split(b"\r\n")[0] else []), answer
