"""The page: nothing overflows, nothing is fetched, the console is empty, logs are harmless."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from suite.tools.browser import COLLIDING, OVERFLOWING, Page, browser
from suite.tools.logs import Hit, combined, text
from suite.tools.tool import replay

EVIL = '<script>console.log("ran")</script><img src=x onerror="console.log(1)">'
LIMITS = [
    "2/minute",
    "sliding 30/hour",
    "token 1/second burst 5; 100/day",
    f"{'4' * 12}/366d",
    "0/second",
    "leaky 3/10s burst 2",
]
WORDS = [word for limit in LIMITS for word in ("--limit", limit)]


def hostile() -> str:
    """A log whose every word is long or evil."""
    escaped = EVIL.replace('"', '\\"')
    hits = [
        Hit(
            ms=n * 21_000,
            ip=f"{EVIL.replace(' ', '/') if n % 3 else 'x' * 300}{n % 7}",
            path=f"/{escaped.replace(' ', '+')}{'w' * 400}",
            agent=f"{escaped}\u202e{'m' * 300}",
        )
        for n in range(4_000)
    ]
    lines = list(map(combined, hits))
    return text([*lines[:50], EVIL, "y" * 500, *lines[50:]])


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A browser's page, whose console must be empty in the end."""
    with browser(tmp_path_factory.mktemp("browser")) as page:
        yield page
        assert page.console == []


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of the hostile log."""
    file = tmp_path_factory.mktemp("report") / "report.html"
    replay("-", *WORDS, "--suggest", "0.1%", "--html", file, stdin=hostile())
    return file


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 719, 720, 1400])
def test_nothing_overflows(
    page: Page, report: Path, width: int, scheme: str, tmp_path: Path
) -> None:
    page.open(report, width, scheme=scheme)
    assert page.evaluate(OVERFLOWING) == []
    assert page.evaluate(COLLIDING) == []
    assert page.console == []
    assert page.fetched == [report.as_uri()]
    page.screenshot(tmp_path / "page.png")
    assert (tmp_path / "page.png").stat().st_size > 20_000


def test_dark_is_dark_and_paper_is_light(page: Page, report: Path) -> None:
    colours = []
    for scheme, media in [("light", "screen"), ("dark", "screen"), ("dark", "print")]:
        page.open(report, 800, scheme=scheme, media=media)
        colours.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        ink = page.evaluate("getComputedStyle(document.querySelector('svg text')).fill")
        assert ink != colours[-1]
    assert colours == ["rgb(255, 255, 255)", "rgb(20, 23, 27)", "rgb(255, 255, 255)"]


def test_it_prints(page: Page, report: Path, tmp_path: Path) -> None:
    page.open(report, 800)
    page.pdf(tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")
    page.open(report, 680, media="print")
    assert page.evaluate(OVERFLOWING) == []


def test_nothing_of_a_log_runs_and_nothing_refers_outside(page: Page, report: Path) -> None:
    html = report.read_text()
    assert "<script" not in html
    assert "<img" not in html
    assert "\u202e" not in html
    assert re.search(r"https?://|//[a-z]|@import|url\(", html.split("<body>")[0]) is None
    tags = " ".join(re.findall("<[^>]*>", html))
    assert re.search(r"<(link|iframe|object|embed|base|form|a)\b|\b(src|href|on\w+)=", tags) is None
    page.open(report, 800)
    assert page.evaluate("document.querySelectorAll('script, img, [onerror]').length") == 0
    assert page.evaluate("document.body.textContent.includes('<script>')")


def test_it_tells_what_the_other_forms_tell(page: Page, report: Path) -> None:
    told = replay("-", *WORDS, "--suggest", "0.1%", stdin=hostile())
    page.open(report, 1000)
    seen = page.evaluate("document.body.innerText")
    for candidate in told["candidates"]:
        assert candidate["policy"] in seen
        assert f"{candidate['refused']:,}" in seen
        assert f"{candidate['clients_refused']:,}" in seen
    for percentile in told["peaks"]["1m"].values():
        assert f"{percentile:,}" in seen
    for row in told["suggest"]:
        assert row["limit"] in seen
    assert "first estimate" in seen
    assert page.evaluate("document.querySelectorAll('svg.wide').length") == 1 + 3 + 6


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(text([combined(Hit())]), id="one request"),
        pytest.param(text([combined(Hit(ms=n * 86_400_000)) for n in range(90)]), id="90 days"),
    ],
)
def test_it_can_show_little_and_long(page: Page, tmp_path: Path, lines: str) -> None:
    file = tmp_path / "page.html"
    replay("-", "--limit", "1/minute", "--html", file, stdin=lines)
    for width in (320, 1000):
        page.open(file, width)
        assert page.evaluate(OVERFLOWING) == []
        assert page.evaluate(COLLIDING) == []
    assert "NaN" not in file.read_text()
    assert "inf" not in re.sub(r"<style>.*?</style>", "", file.read_text(), flags=re.DOTALL)


def test_no_request_is_a_page_too(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    replay(
        "-",
        "--limit",
        "1/minute",
        "--where",
        "path=/x",
        "--html",
        file,
        stdin=text([combined(Hit())]),
    )
    page.open(file, 800)
    assert page.evaluate(OVERFLOWING) == []
    assert "NaN" not in file.read_text()
