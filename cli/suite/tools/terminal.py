"""A real terminal: tmux, in a size of its own."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from suite.tools.tool import TOOL
from support.eventually import eventually

DEADLINE_S = 60.0


class Terminal:
    """The tool on a terminal of `width` and `height`; it ends with its `with`."""

    def __init__(
        self,
        *words: str,
        width: int = 80,
        height: int = 24,
        env: Mapping[str, str] | None = None,
    ) -> None:
        # A socket's path must be short.
        self._folder = Path(tempfile.mkdtemp(prefix="rl-"))
        variables = ["env", "-u", "NO_COLOR", *(f"{k}={v}" for k, v in (env or {}).items())]
        script = '"$@"; echo $? > exit; printf "%s" ended; exec sleep 600'
        command = ["sh", "-c", script, "sh", *variables, str(TOOL), *words]
        size = ["-x", str(width), "-y", str(height)]
        self._tmux("new-session", "-d", *size, "-c", str(self._folder), *command)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._tmux("kill-server")
        shutil.rmtree(self._folder)

    def _tmux(self, *words: str) -> str:
        socket = str(self._folder / "s")
        done = subprocess.run(
            ["tmux", "-S", socket, "-f", "/dev/null", *words],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def screen(self) -> str:
        """What can be read on it."""
        return self._tmux("capture-pane", "-p")

    def painted(self) -> str:
        """The same, with what colours it."""
        return self._tmux("capture-pane", "-e", "-p")

    def coloured(self) -> bool:
        """Whether anything on it has a colour."""
        return bool(re.search(r"\x1b\[[0-9;]*3[0-8](?![0-9])", self.painted()))

    def press(self, *keys: str) -> None:
        """Press keys, by tmux's names."""
        self._tmux("send-keys", *keys)

    def resize(self, width: int, height: int) -> None:
        """Make it another size."""
        self._tmux("resize-window", "-x", str(width), "-y", str(height))

    def shows(self, *texts: str) -> str:
        """Wait until it shows all of that, and is not being drawn; answers the screen."""
        seen = ""

        def shown() -> bool:
            nonlocal seen
            before, seen = seen, self.screen()
            return seen == before and all(text in seen for text in texts)

        try:
            eventually(shown, DEADLINE_S)
        except TimeoutError:
            raise AssertionError(f"it does not show {texts}, but:\n{seen}") from None
        return seen

    def ended(self) -> int:
        """Wait until the tool has ended, with what it showed taken away; its exit code."""
        code = self._folder / "exit"
        eventually(lambda: code.exists() and code.read_text().strip(), DEADLINE_S)
        assert self.shows("ended").strip() == "ended"
        return int(code.read_text())
