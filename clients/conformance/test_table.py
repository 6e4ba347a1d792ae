"""The tables of clients/README.md, against the options and calls that the code has."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from support.paths import ROOT

CLIENTS = ROOT / "clients"
LIMIT, LIMITER = "Options of a limit:", "Options of a limiter:"
CALLS = "Calls of a limiter, without HTTP:"


def table(title: str) -> tuple[list[str], list[list[str]]]:
    """The header and the rows of the table below a line."""
    text = (CLIENTS / "README.md").read_text()
    lines = text.split(f"\n{title}\n\n", 1)[1].split("\n\n", 1)[0].splitlines()
    rows = [[field.strip() for field in line.strip("|").split("|")] for line in lines]
    return rows[0], rows[2:]


def spelled(title: str, column: str) -> set[str]:
    """The options or calls that fields of a column begin with."""
    header, rows = table(title)
    fields = [row[header.index(column)] for row in rows]
    return {found[1] for field in fields if (found := re.match(r"`([a-z]\w*)`", field))}


def members(folder: str, start: str, pattern: str) -> set[str]:
    """What a pattern finds below the one line that begins so, until a line that is not indented."""
    texts = [path.read_text() for path in (CLIENTS / folder).rglob("*.[pt][ys]")]
    (text,) = [text for text in texts if f"\n{start}" in text]
    body = text.split(f"\n{start}", 1)[1].split("\n", 1)[1]
    return set(re.findall(pattern, re.split(r"\n(?=\S)", body)[0], re.M))


def python(name: str) -> set[str]:
    """The fields of a class of options, and of those that it extends."""
    fields = members("python/src", f"class {name}", r"^    ([a-z]\w*):")
    texts = "".join(path.read_text() for path in (CLIENTS / "python/src").rglob("*.py"))
    extended = re.search(rf"^class {name}\((\w*Options)\b", texts, re.M)
    return fields | python(extended[1]) if extended else fields


def rust(path: str) -> set[str]:
    """The public methods in a file."""
    text = (CLIENTS / "rust/src" / path).read_text()
    return set(re.findall(r"^    pub (?:const |async )?fn (\w+)", text, re.M))


def node(name: str) -> set[str]:
    """The members of an interface."""
    return members("node/src", f"export interface {name} {{", r"^  (?:readonly )?(\w+)(?:\?:|:|\()")


def limiter_of_node() -> set[str]:
    return members("node/src", "const LIMITER_OPTIONS", r"^  (\w+): true")


def route() -> set[str]:
    return node("RouteOptions<Request>") | {"handler", "countIf"}


@pytest.mark.parametrize("column", ["FastAPI", "Flask", "Django", "DRF throttle"])
def test_python_s_adapters_have_the_options_of_the_table(column: str) -> None:
    assert spelled(LIMIT, column) == python("LimitOptions")


@pytest.mark.parametrize(
    ("title", "column", "code"),
    [
        (LIMIT, "ASGI middleware", lambda: python("LimitOptions") | {"limits", "exempt_paths"}),
        (LIMIT, "tower, axum", lambda: rust("tower/layer.rs") - {"new"}),
        (LIMIT, "Express, connect", route),
        (LIMIT, "Fastify", route),
        (LIMITER, "Python", lambda: python("LimiterOptions")),
        (LIMITER, "Rust", lambda: rust("limiter/settings.rs") | {"connect_timeout"}),
        (LIMITER, "Node", limiter_of_node),
        (CALLS, "Rust", lambda: rust("limiter/mod.rs") - {"new", "builder", "build", "on_error"}),
        (CALLS, "Node", lambda: node("Limiter")),
    ],
)
def test_a_column_has_what_the_code_has(
    title: str, column: str, code: Callable[[], set[str]]
) -> None:
    assert spelled(title, column) == code()


@pytest.mark.parametrize("title", [LIMIT, LIMITER, CALLS])
def test_no_field_is_empty(title: str) -> None:
    header, rows = table(title)
    assert all(len(row) == len(header) and all(row) for row in rows)
