"""A headless Chromium: what a page looks like, what overflows, and what the console says."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from support.eventually import eventually

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
# Root, in a container, has no sandbox.
WORDS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--hide-scrollbars",
    "--no-first-run",
    "--remote-debugging-port=0",
    "--remote-debugging-address=127.0.0.1",
    "about:blank",
)
DEADLINE_S = 60.0

LISTENING = re.compile(r"ws://(127\.0\.0\.1:\d+)/")

# Whatever is cut off or sticks out, of the page and of each element on it.
OVERFLOWING = """
(() => {
  const width = document.documentElement.clientWidth;
  const found = [];
  if (document.documentElement.scrollWidth > width) found.push('the page');
  for (const one of document.body.querySelectorAll('*')) {
    const box = one.getBoundingClientRect();
    if (box.width === 0 || box.height === 0) continue;
    const svg = one.closest('svg');
    const within = svg && one !== svg ? svg.getBoundingClientRect() : {left: 0, right: width};
    const name = one.tagName + ' ' + (one.textContent || '').trim().slice(0, 60);
    if (box.left < within.left - 1 || box.right > within.right + 1) found.push(name);
    if (!svg && one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 0) found.push(name);
  }
  return found;
})()
"""

# Words of a plot that lie over one another.
COLLIDING = """
(() => {
  const found = [];
  for (const svg of document.querySelectorAll('svg')) {
    const texts = [...svg.querySelectorAll('text')]
      .map(one => [one.textContent, one.getBoundingClientRect()])
      .filter(([_, box]) => box.width > 0);
    texts.forEach(([a, x], i) => texts.slice(i + 1).forEach(([b, y]) => {
      const wide = Math.min(x.right, y.right) - Math.max(x.left, y.left);
      const high = Math.min(x.bottom, y.bottom) - Math.max(x.top, y.top);
      if (wide > 1 && high > 4) found.push(svg.getAttribute('aria-label') + ': ' + a + ' / ' + b);
    }));
  }
  return found;
})()
"""


class Page:
    """One page in it."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._sent = 0
        self.console: list[str] = []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.fetched: list[str] = []

    def call(self, method: str, **params: object) -> dict[str, Any]:
        """Ask it something, and take down what it says meanwhile."""
        self._sent += 1
        self._connection.send(json.dumps({"id": self._sent, "method": method, "params": params}))
        while True:
            message = self._next()
            if message.get("id") == self._sent:
                assert "error" not in message, message
                result: dict[str, Any] = message["result"]
                return result

    def _next(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self._connection.recv(timeout=DEADLINE_S))
        match message.get("method"):
            case "Runtime.consoleAPICalled" | "Runtime.exceptionThrown" | "Log.entryAdded":
                self.console.append(json.dumps(message["params"]))
            case "Network.requestWillBeSent":
                self.fetched.append(message["params"]["request"]["url"])
        return message

    def open(self, file: Path, width: int, *, scheme: str = "light", media: str = "screen") -> None:
        """Load a file in a window of that width."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=width < 500,
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", media=media, features=features)
        self.fetched.clear()
        self.call("Page.navigate", url=file.as_uri())
        while self._next().get("method") != "Page.loadEventFired":
            pass

    def evaluate(self, expression: str) -> Any:
        """What an expression is on the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def screenshot(self, file: Path) -> None:
        """A picture of all of it."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        data = self.call("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)["data"]
        file.write_bytes(base64.b64decode(data))

    def pdf(self, file: Path) -> None:
        """It on paper, as whoever has a dark screen prints it."""
        features = [{"name": "prefers-color-scheme", "value": "dark"}]
        self.call("Emulation.setEmulatedMedia", media="print", features=features)
        data = self.call("Page.printToPDF", printBackground=False, preferCSSPageSize=True)["data"]
        file.write_bytes(base64.b64decode(data))


@contextmanager
def browser(folder: Path) -> Iterator[Page]:
    """Start one, and end it afterwards."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    assert program, f"none of {', '.join(NAMES)} is there: run 'scripts/setup.sh browser'"
    with (folder / "browser.log").open("wb") as log:
        process = subprocess.Popen(
            [program, f"--user-data-dir={folder / 'profile'}", *WORDS], stdout=log, stderr=log
        )
    try:
        with connect(page_address(folder / "browser.log"), max_size=None) as connection:
            page = Page(connection)
            yield page
    finally:
        process.terminate()
        process.wait(DEADLINE_S)


def page_address(log: Path) -> str:
    """Where its one page is spoken to."""
    found = eventually(lambda: LISTENING.search(log.read_text(errors="replace")), DEADLINE_S)
    assert found
    with urllib.request.urlopen(f"http://{found[1]}/json", timeout=DEADLINE_S) as answer:
        pages = json.loads(answer.read())
    address: str = next(page["webSocketDebuggerUrl"] for page in pages if page["type"] == "page")
    return address
