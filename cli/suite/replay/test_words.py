"""The words of the command line: what they mean, and the exit code of wrong ones."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from suite.tools.logs import Hit, combined, common
from suite.tools.tool import TOOL, replay, run
from support.paths import ROOT

VECTORS: list[dict[str, Any]] = json.loads((ROOT / "clients/vectors.json").read_text())["limits"]
LINE = json.dumps({"time": "2026-11-29T13:40:19Z", "ip": "192.0.2.1"}) + "\n"


@pytest.mark.parametrize("words", [(), ("replay",), ("watch",), ("export",), ("policies",)])
def test_help_tells_and_succeeds(words: tuple[str, ...]) -> None:
    done = run(*words, "--help")
    assert done.returncode == 0
    assert "Usage: redis-rl" in done.stdout


def test_help_names_every_option_of_replay() -> None:
    text = run("replay", "--help").stdout
    for option in [
        "--limit",
        "--format",
        "auto",
        "combined",
        "common",
        "json",
        "alb",
        "envoy",
        "--time",
        "--key",
        "--cost",
        "--where",
        "--ipv6-prefix",
        "--top",
        "--suggest",
        "--html",
        "--csv",
        "--json",
    ]:
        assert option in text, option


def test_limits_are_those_of_the_helpers() -> None:
    """Every case of the vectors: the same clauses, or an error."""
    for case in VECTORS:
        if "\0" in case["spec"]:  # No command line can have it.
            continue
        if any(words[0] == "POLICY" for words in case.get("clauses", [])):
            continue
        done = run("replay", "-", "--json", f"--limit={case['spec']}", stdin=LINE)
        if case.get("error"):
            assert done.returncode == 2, case["case"]
            assert done.stdout == ""
        else:
            assert done.returncode == 0, (case["case"], done.stderr)
            (candidate,) = json.loads(done.stdout)["candidates"]
            assert candidate["clauses"] == case["clauses"], case["case"]
            assert candidate["limit"] == case["spec"]


def test_a_limit_that_a_server_keeps_cannot_be_replayed() -> None:
    done = run("replay", "-", "--limit", "policy api", stdin=LINE)
    assert done.returncode == 2
    assert "numbers" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["--limit", "5/minuet"],
        ["--limit", "5/minute", "--suggest", "0.1"],
        ["--limit", "5/minute", "--suggest", "101%"],
        ["--limit", "5/minute", "--suggest", "-1%"],
        ["--limit", "5/minute", "--where", "status"],
        ["--limit", "5/minute", "--where", "=200"],
        ["--limit", "5/minute", "--where", "status<many"],
        ["--limit", "5/minute", "--where", "path~["],
        ["--limit", "5/minute", "--key", "ip+"],
        ["--limit", "5/minute", "--ipv6-prefix", "31"],
        ["--limit", "5/minute", "--ipv6-prefix", "129"],
        ["--limit", "5/minute", "--format", "xml"],
        ["--limit", "5/minute", "--top", "-1"],
        ["--limit", "5/minute", "--what"],
        [],
    ],
)
def test_wrong_words_exit_with_2(words: list[str]) -> None:
    done = run("replay", "-", *words, stdin=LINE)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr


def test_no_log_is_wrong_words() -> None:
    assert run("replay", "--limit", "5/minute").returncode == 2


@pytest.mark.parametrize(
    "words",
    [
        ["--key", "session"],
        ["--cost", "units"],
        ["--where", "host=shop.example"],
        ["--time", "when"],
        ["--key", "duration"],
    ],
)
def test_a_field_that_the_format_does_not_have_is_named(words: list[str]) -> None:
    done = run("replay", "-", "--limit", "5/minute", *words, stdin=combined(Hit()) + "\n")
    assert done.returncode == 2
    assert words[1].split("=")[0] in done.stderr
    assert "combined" in done.stderr


def test_common_has_no_agent() -> None:
    done = run(
        "replay",
        "-",
        "--limit",
        "5/minute",
        "--format",
        "common",
        "--where",
        "agent=x",
        stdin=common(Hit()) + "\n",
    )
    assert done.returncode == 2


def test_a_file_that_is_not_there_could_not_be_read(tmp_path: Path) -> None:
    done = run("replay", tmp_path / "none.log", "--limit", "5/minute")
    assert done.returncode == 1
    assert "none.log" in done.stderr


@pytest.mark.parametrize("option", ["--html", "--csv"])
def test_a_file_that_cannot_be_written_is_named(tmp_path: Path, option: str) -> None:
    file = tmp_path / "nowhere" / "out"
    done = run("replay", "-", "--limit", "5/minute", option, file, stdin=LINE)
    assert done.returncode == 1
    assert str(file) in done.stderr


def test_whoever_stops_reading_is_no_error(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(LINE)
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [TOOL, "replay", log, "--limit", "5/minute", "--json"],
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


def test_man_pages_and_completions_come_from_the_same_definition(tmp_path: Path) -> None:
    assert run("generate", tmp_path).returncode == 0
    names = {file.name for file in tmp_path.iterdir()}
    assert {
        "redis-rl.1",
        "redis-rl-replay.1",
        "redis-rl-watch.1",
        "redis-rl-export.1",
        "redis-rl-policies.1",
        "redis-rl.bash",
        "_redis-rl",
        "redis-rl.fish",
    } <= names
    assert "--ipv6-prefix" in (tmp_path / "redis-rl.bash").read_text()
    assert r"\-\-suggest" in (tmp_path / "redis-rl-replay.1").read_text()


def test_a_report_is_made_in_every_form_at_once(tmp_path: Path) -> None:
    html, csv = tmp_path / "report.html", tmp_path / "report.csv"
    report = replay("-", "--limit", "0/minute", "--html", html, "--csv", csv, stdin=LINE)
    assert report["candidates"][0]["refused"] == 1
    assert html.read_text().startswith("<!DOCTYPE html>")
    assert csv.read_text().splitlines()[1].startswith("0/minute,192.0.2.1,1,1")
