"""scripts/rooms.py: circles among files and rooms that lean the wrong way are told."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from support.paths import ROOT

ONE_WAY = {
    "lib.rs": "mod a;\nmod b;\n",
    "a.rs": "use crate::b::{one::One, Two};\n#[cfg(test)]\nmod tests {\n use crate::a;\n}\n",
    "b/mod.rs": "mod one;\nmod two;\npub(crate) use two::Two;\n",
    "b/one.rs": "// crate::a is not named here\nuse super::Two;\n",
    "b/two.rs": "pub(crate) struct Two;\n",
}


def rooms(src: Path, files: Mapping[str, str], *order: str) -> tuple[int, str]:
    for name, text in files.items():
        file = src / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    command = [sys.executable, str(ROOT / "scripts" / "rooms.py"), str(src), *order]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stderr


def test_what_leans_one_way_passes(tmp_path: Path) -> None:
    assert rooms(tmp_path, ONE_WAY, "a", "b") == (0, "")


@pytest.mark.parametrize(
    ("file", "line", "told"),
    [
        ("b/two.rs", "use super::one::One;", "a circle: b::one -> b::two -> b::one"),
        ("b/two.rs", "fn f() { crate::b::one::f() }", "a circle: b::one -> b::two -> b::one"),
        ("b/one.rs", "use crate::a::A;", "a circle: a -> b::one -> a"),
    ],
)
def test_a_circle_is_told(tmp_path: Path, file: str, line: str, told: str) -> None:
    code, said = rooms(tmp_path, {**ONE_WAY, file: f"{ONE_WAY[file]}{line}\n"})
    assert code == 1
    assert told in said


def test_a_room_that_leans_the_wrong_way_is_told(tmp_path: Path) -> None:
    code, said = rooms(tmp_path, ONE_WAY, "b", "a")
    assert code == 1
    assert "a leans on b::one" in said


def test_a_room_is_checked_by_itself(tmp_path: Path) -> None:
    files = {
        "lib.rs": "mod one;\nmod room;\n",
        "one.rs": "",
        "room/mod.rs": "mod one;\nmod two;\n",
        "room/one/mod.rs": "mod inner;\n",
        "room/one/inner.rs": "use crate::room::two::Two;\n",
        # Not the room's own `one`.
        "room/two.rs": "use crate::one::One;\n",
    }
    assert rooms(tmp_path, files) == (0, "")
    assert rooms(tmp_path / "room", {}, "one", "two") == (0, "")
    code, said = rooms(tmp_path / "room", {}, "two", "one")
    assert code == 1
    assert "one::inner leans on two" in said
