"""The README's examples, run from top to bottom: each curl prints what is shown below it."""

import dataclasses
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from redis_rl import ConfigurationError
from redis_rl.limits.grammar import parse
from redis_rl.options import LimiterOptions, LimitOptions
from store.kinds import patient
from web.apps.asking import asking

README = Path(__file__).resolve().parents[3] / "README.md"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ADDRESS = "localhost:8000"


def blocks(*languages: str) -> list[tuple[str, str]]:
    return [one for one in FENCE.findall(README.read_text()) if one[0] in languages]


def sessions(block: str) -> Iterator[tuple[str, str]]:
    """Split into commands and what each printed."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, printed = part.partition("\n")
        yield command, printed.rstrip("\n")


async def curl(app: Any, command: str) -> str:
    """What curl would print."""
    _, *words = shlex.split(command)
    headers = [words[at + 1] for at, word in enumerate(words) if word == "-H"]
    options: dict[str, Any] = {"headers": dict(header.split(": ") for header in headers)}
    method = words[words.index("-X") + 1] if "-X" in words else "GET"
    path = words[-1].removeprefix(ADDRESS)
    if hasattr(app, "wsgi_app"):
        transport = httpx.WSGITransport(app, remote_addr="192.0.2.1")
        with httpx.Client(transport=transport, base_url="http://app.example") as client:
            response = client.request(method, path, **options)
    else:
        async with asking(app) as asker:
            response = await asker.request(method, path, **options)
    if "-i" not in words:
        return response.text
    head = [f"HTTP/1.1 {response.status_code} {response.reason_phrase}"]
    head += [f"{name}: {value}" for name, value in response.headers.items()]
    return "\n".join([*head, "", response.text])


async def test_the_examples_do_what_they_show(url: str) -> None:
    namespace: dict[str, Any] = {"__name__": "example"}
    shown = 0
    for language, block in blocks("python", "console"):
        if language == "python":
            exec(block.replace('"redis://localhost:6379"', patient(url)), namespace)
            continue
        for command, printed in sessions(block):
            assert await curl(namespace["app"], command) == printed
            shown += 1
    assert shown >= 10


def test_the_limits_of_the_table_are_limits() -> None:
    table = README.read_text().partition("## Limits")[2].partition("##")[0]
    cells = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    written = [text for cell in cells for text in re.findall("`([^`]+)`", cell)]
    assert len(written) >= 8
    for text in written:
        assert parse(text)
    with pytest.raises(ConfigurationError):
        parse("5/month")


def test_the_options_are_those_that_there_are() -> None:
    def documented(title: str) -> list[str]:
        section = README.read_text().partition(f"\n## {title}\n")[2].partition("\n## ")[0]
        return re.findall(r"^\| `(\w+)`", section, re.MULTILINE)

    options = [field.name for field in dataclasses.fields(LimiterOptions)]
    assert sorted(documented("The limiter")) == sorted(options)
    arguments = ["limits", *LimitOptions.__annotations__]
    assert sorted(documented("`limiter.limit(...)`")) == sorted(arguments)
