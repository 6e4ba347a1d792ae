"""The operator's tool, as it was built."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from support.paths import TARGET

TOOL = Path(os.environ.get("RL_TOOL", TARGET / "debug" / "redis-rl"))
"""The program under test; RL_TOOL names another build of it."""

DEADLINE_S = 60.0


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables that it runs with: nothing of the machine's decides about colours or users."""
    outer = {"NO_COLOR", "CLICOLOR_FORCE", "REDISCLI_AUTH"}
    inherited = {name: value for name, value in os.environ.items() if name not in outer}
    return {**inherited, **(more or {})}


def tool(
    *words: str | Path, code: int = 0, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run it to its end in a pipe; it must end with `code`."""
    done = subprocess.run(
        [TOOL, *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
        env=environment(env),
    )
    assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done
