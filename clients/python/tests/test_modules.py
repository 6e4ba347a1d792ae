"""How the modules lie: no circle among them, and every door opens."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1]


def no_circles(root: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(HERE / "scripts" / "no_circles.py"), str(root)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_modules_import_one_another_in_no_circle() -> None:
    done = no_circles(HERE / "src")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "modules",
    [
        {"a.py": "from package import b", "b.py": "import package.a"},
        {"a.py": "from . import b", "b.py": "def late(): from .a import late"},
        {"one/a.py": "from package.two.a import x", "two/b.py": "import package.one.b"},
    ],
    ids=["plain", "relative, and late", "of folders alone"],
)
def test_a_circle_is_found(tmp_path: Path, modules: dict[str, str]) -> None:
    for name in ("__init__.py", "one/a.py", "one/b.py", "two/a.py", "two/b.py", *modules):
        file = tmp_path / "package" / name
        file.parent.mkdir(exist_ok=True, parents=True)
        file.write_text(modules.get(name, ""))
    done = no_circles(tmp_path)
    assert done.returncode == 1
    assert "a circle of imports: package." in done.stdout
