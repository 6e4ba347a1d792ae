"""The README's first lines as a newcomer follows them: in an empty folder, on a real server."""

import os
import re
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest

from store.kinds import patient
from support.ports import free_port
from support.program import Program

HERE = Path(__file__).resolve().parents[3]
README = (HERE / "README.md").read_text()
SECTIONS = re.split(r"^## ", README, flags=re.MULTILINE)[1:]
GOES_ON = (
    "`limiter.limit(...)`",
    "Count only some answers",
    "Costs that are known afterwards",
    "Several subjects",
    "So many at once",
    "As a decorator",
    "Holding requests",
)
"""Sections whose snippets go on from the first app."""
URL = "redis://localhost:6379"
DEADLINE_S = 60.0


def snippets(section: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


FIRST = snippets(SECTIONS[0])[0]


def start(folder: Path, port: int, url: str) -> Program:
    """Start the first app as the README says, in an empty folder."""
    (folder / "app.py").write_text(FIRST.replace(f'"{URL}"', patient(url)))
    command = [sys.executable, "-m", "uvicorn", "app:app", "--port", str(port)]
    environment = {**os.environ, "PYTHONPATH": str(HERE / "src")}
    return Program(command, folder / "log", environment, folder)


def test_the_first_app_runs_in_an_empty_folder(tmp_path: Path, url: str) -> None:
    port = free_port()
    app = start(tmp_path, port, url)

    def items() -> int:
        return httpx.get(f"http://127.0.0.1:{port}/items", timeout=20).status_code

    def answers() -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/none", timeout=20).status_code == 404
        except httpx.TransportError:
            return False

    try:
        assert app.answers(answers, DEADLINE_S), app.log()
        assert [items() for _ in range(3)] == [200, 200, 429]
    finally:
        code = app.stop(DEADLINE_S)
    assert code in (0, -signal.SIGTERM), app.log()


def test_the_first_app_says_where_redis_is_missing_and_why(tmp_path: Path) -> None:
    gone = free_port()
    app = start(tmp_path, free_port(), f"redis://localhost:{gone}")
    assert app.ended(DEADLINE_S) not in (0, None), app.log()
    last = app.log().strip().splitlines()[-5:]
    assert any(
        f"connecting to localhost:{gone}" in line and "Connect call failed" in line for line in last
    ), app.log()


@pytest.mark.parametrize("section", SECTIONS, ids=lambda text: text.partition("\n")[0])
def test_snippets_run_by_themselves(section: str, url: str) -> None:
    if not snippets(section):
        return
    before = [FIRST] if section.startswith(GOES_ON) else []
    namespace: dict[str, Any] = {"__name__": "example"}
    for snippet in (*before, *snippets(section)):
        exec(snippet.replace(f'"{URL}"', patient(url)), namespace)


def test_a_built_file_has_all_that_is_imported(tmp_path: Path) -> None:
    assert "pip wheel --no-deps --wheel-dir dist ./clients/python" in README
    words = ["wheel", "--no-deps", "--no-build-isolation", "--quiet", "--wheel-dir"]
    command = [sys.executable, "-m", "pip", *words, str(tmp_path), str(HERE)]
    pytest.importorskip("hatchling")
    subprocess.run(command, check=True, capture_output=True, timeout=150)
    [built] = tmp_path.glob("*.whl")
    assert built.name in README
    inside = set(zipfile.ZipFile(built).namelist())
    source = HERE / "src"
    files = {str(file.relative_to(source)) for file in source.rglob("*.py")}
    assert files | {"redis_rl/py.typed"} <= inside
