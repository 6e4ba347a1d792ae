"""Every redis-cli example of the README and of docs/ does what it shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from support import doc_examples
from support.doc_examples import Example, Step
from support.paths import ROOT
from support.pool import NewServer
from support.server import Server

PAGE = """
Some text.

```redis-cli
redis> SET k v PX 400
OK

redis> MULTI
OK
127.0.0.1:6379(TX)> GET k
QUEUED
redis> EXEC
1) "v"
# 1 s later
redis> GET k
(nil)
```

```
redis> not an example
```
"""


@pytest.mark.parametrize("example", doc_examples.examples(), ids=lambda each: each.place)
def test_an_example_prints_what_it_shows(example: Example, server: Server) -> None:
    really = doc_examples.run(example, server)
    assert doc_examples.shown(really) == doc_examples.shown(example.steps)


@pytest.mark.skipif(not (ROOT / "README.md").exists(), reason="there is no README yet")
def test_the_readme_has_examples() -> None:
    assert list(doc_examples.examples_in(ROOT / "README.md"))


def test_an_example_is_read_and_run(tmp_path: Path, new_server: NewServer) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    [example] = doc_examples.examples_in(page)
    assert example.place == "page.md:4"
    assert example.steps == [
        Step(0, ["SET k v PX 400", "MULTI", "GET k", "EXEC"], ["OK", "OK", "QUEUED", '1) "v"']),
        Step(1_000, ["GET k"], ["(nil)"]),
    ]
    server = new_server(module=None)
    assert doc_examples.run(example, server) == example.steps


def test_an_example_that_shows_something_else_is_noticed(new_server: NewServer) -> None:
    example = doc_examples.parse("here", ["redis> ECHO a", '"b"'])
    [step] = doc_examples.run(example, new_server(module=None))
    assert step.printed == ['"a"']


@pytest.mark.parametrize("lines", [[], ["# 1 s later"], ['"a"', "redis> ECHO a"]])
def test_an_example_without_a_meaning_is_an_error(lines: list[str]) -> None:
    with pytest.raises(ValueError, match="here: "):
        doc_examples.parse("here", lines)
