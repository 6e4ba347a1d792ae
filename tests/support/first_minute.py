"""What a page tells a reader to type: taken out of it, and typed as it stands."""

from __future__ import annotations

import os
import re
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

from support.paths import ROOT

TYPED_S = 900.0
"""How long lines may take that install or compile: a busy machine has two cores for all."""
STARTED_S = 300.0
"""How long an app or a server may take until it answers, and to end."""


def blocks(page: str, language: str) -> list[str]:
    """The blocks of that language on a page."""
    text = (ROOT / page).read_text()
    found = re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert found, f"{page}: no block of {language or 'lines to type'}"
    return found


def first_block(page: str, language: str) -> str:
    """The first of them."""
    return blocks(page, language)[0]


def clone(into: Path) -> Path:
    """What is committed, as `git clone` leaves it."""
    into.mkdir(parents=True)
    packed = subprocess.run(
        ["git", "archive", "HEAD"], cwd=ROOT, capture_output=True, timeout=STARTED_S, check=True
    )
    subprocess.run(["tar", "-x"], cwd=into, input=packed.stdout, timeout=STARTED_S, check=True)
    return into


def shell(lines: str) -> list[str]:
    """A shell that types lines, and ends at the first that fails."""
    return ["bash", "-euo", "pipefail", "-c", lines]


def type_in(folder: Path, lines: str, **environment: str) -> str:
    """Type lines, all of which must succeed; answer what they print."""
    done = subprocess.run(
        shell(lines),
        cwd=folder,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TYPED_S,
        check=False,
    )
    assert done.returncode == 0, f"{lines}\n{done.stdout}{done.stderr}"
    return done.stdout


def programs(folder: Path, **commands: str) -> Mapping[str, str]:
    """The variables of a shell that finds these programs first; `redis_cli` is redis-cli."""
    folder.mkdir()
    for name, command in commands.items():
        program = folder / name.replace("_", "-")
        program.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        program.chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


def status(port: int, path: str, method: str = "GET") -> int:
    """The status of a request, 0 if nobody answers."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def assert_refuses_after(allowed: int, ask: Callable[[], int]) -> None:
    """Ask for the status of a request until it is 429; so many must have been served before.

    The server has 100 ms to answer a helper, which a busy machine may take away: such a request is
    503, and was charged or not.
    """
    seen = []
    deadline = time.monotonic() + STARTED_S
    while 429 not in seen and time.monotonic() < deadline:
        seen.append(ask())
        if seen[-1] == 503:
            time.sleep(0.1)
    assert set(seen) <= {200, 429, 503}, seen
    assert 429 in seen, seen
    assert allowed - seen.count(503) <= seen.count(200) <= allowed, seen
