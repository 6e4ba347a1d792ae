"""The pages agree with the server and with one another: syntax, tables, links."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.kinds import FLOOR, Kind
from support.paths import ROOT
from support.resp import Failure, RawConnection, Reply, Status

COMMANDS = ROOT / "docs" / "commands"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

FENCED = re.compile(r"^( *)```.*?^\1```$", re.M | re.S)
SYNTAX = re.compile(r"^```syntax\n(.*?)^```$", re.M | re.S)
FACTS = re.compile(r"^\| since \| complexity \| ACL categories \|\n\|[-|]+\|\n\|(.+)\|$", re.M)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
EXPLAINED = re.compile(r"^```\n((?:RL|CL)\..+)\n([ ^]+)\n", re.M)
HEADING = re.compile(r"^#+ +(.+)$", re.M)
TRANSLATED = re.compile(
    r"\banew\b|\b(?:told|tells?) (?:\S+ )?apart\b|\bto be had\b|\bfor who\b"
    r"|(?<!there )\bis none\b(?! of)|\bany text but none\b|\bdear(?:er|est)?\b",
    re.I,
)
"""Phrases that are correct, and that nobody writes whose first language is English."""
WIDTH = 100
TARGET = re.compile(r"(?<=\])\([^)\s]+\)")
PROSE = [*PAGES, ROOT / "clients" / "README.md", ROOT / "packaging" / "README.md"]


NAME = re.compile(r"(?:RL|CL)\.[A-Z]+(?: [A-Z]+(?=[ :]|$))?")


def name_of(line: str) -> str:
    """Answer the command that a line of syntax or help is about, with its subcommand."""
    found = NAME.match(line)
    assert found, line
    return found[0]


def one_line(text: str) -> str:
    """Answer text without line breaks and indentation."""
    return " ".join(text.split())


def entries(page: Path) -> list[tuple[list[str], list[str]]]:
    """Read a page's commands: the syntax lines of a block, and the facts in the table below."""
    text = page.read_text()
    blocks = [
        [one_line(part) for part in re.split(r"^(?=[A-Z])", block, flags=re.M) if part.strip()]
        for block in SYNTAX.findall(text)
    ]
    tables = [[cell.strip() for cell in row.split("|")] for row in FACTS.findall(text)]
    assert len(blocks) == len(tables), f"{page}: each syntax block has its table of facts"
    return list(zip(blocks, tables, strict=True))


def documented() -> dict[str, tuple[str, list[str]]]:
    """Answer syntax line and facts of each command that has a page, by its name."""
    return {
        name_of(line): (line, facts)
        for page in sorted(COMMANDS.glob("*.md"))
        for lines, facts in entries(page)
        for line in lines
    }


def served(raw: RawConnection) -> dict[str, str]:
    """Answer the lines of RL.HELP by the commands' names."""
    lines = raw("RL.HELP")
    assert isinstance(lines, list)
    texts = [line.text for line in lines if isinstance(line, Status)]
    assert len(texts) == len(lines) > 0
    return {name_of(text): text for text in texts}


def facts_of(raw: RawConnection, name: str) -> dict[str, str]:
    """Answer what COMMAND DOCS says of a command in words."""
    reply = raw("COMMAND", "DOCS", name.replace(" ", "|"))
    assert isinstance(reply, list)
    assert isinstance(reply[1], list)
    words: list[Reply] = reply[1]
    pairs = zip(words[::2], words[1::2], strict=True)
    return {
        key.decode(): value.decode()
        for key, value in pairs
        if isinstance(key, bytes) and isinstance(value, bytes)
    }


def test_every_command_has_a_page_with_its_syntax(raw: RawConnection) -> None:
    helped = served(raw)
    pages = documented()
    assert set(pages) == {*helped, "CL.THROTTLE"}
    for name, text in helped.items():
        syntax = one_line(pages[name][0])
        summary = facts_of(raw, name)["summary"]
        assert text.replace("; ", " ") == f"{syntax}: {summary}."


def test_cl_throttle_is_written_as_rl_throttle_is() -> None:
    pages = documented()
    assert pages["CL.THROTTLE"][0] == pages["RL.THROTTLE"][0].replace("RL.", "CL.")


def test_each_page_says_what_its_command_is_for(raw: RawConnection) -> None:
    for page in sorted(COMMANDS.glob("*.md")):
        text = one_line(page.read_text())
        for lines, _ in entries(page):
            name = name_of(lines[0])
            summary = facts_of(raw, name)["summary"]
            assert f"{summary}. ```syntax {lines[0]}" in text, f"{page.name}: {name}"


def test_since_and_complexity_are_those_of_command_docs(raw: RawConnection) -> None:
    for name, (_, facts) in documented().items():
        told = facts_of(raw, name)
        assert facts[:2] == [told["since"], told["complexity"]], name


@pytest.mark.all_servers
def test_acl_categories_are_those_of_the_server(raw: RawConnection, kind: Kind) -> None:
    for name, (_, facts) in documented().items():
        reply = raw("COMMAND", "INFO", name.replace(" ", "|"))
        assert isinstance(reply, list)
        assert isinstance(reply[0], list)
        categories = reply[0][6]
        assert isinstance(categories, list)
        told = {one.text for one in categories if isinstance(one, Status)}
        knows_categories = kind.name != FLOOR
        assert told == (set(facts[2].split()) if knows_categories else set()), name


def test_the_commands_that_the_readme_explains_work(raw: RawConnection) -> None:
    explained = EXPLAINED.findall((ROOT / "README.md").read_text())
    names = {command.split()[0] for command, _ in explained}
    named = {name.split()[0] for name in served(raw)}
    assert names == named - {"RL.HELP", "RL.VERSION", "CL.THROTTLE"}
    for command, arrows in explained:
        starts = {found.start() for found in re.finditer(r"(?<= )\S", command)}
        assert {found.start() for found in re.finditer(r"\^", arrows)} <= starts, command
        assert not isinstance(raw(*command.split()), Failure), command
    assert raw("RL.POLICY", "DEL", "api") == 1


def test_each_command_page_is_in_the_index() -> None:
    index = (COMMANDS / "README.md").read_text()
    linked = set(LINK.findall(index))
    assert {page.name for page in COMMANDS.glob("*.md")} - {"README.md"} <= linked


def anchors(page: Path) -> set[str]:
    """Answer the anchors of a page's headings, as they are made where Markdown is shown."""
    headings = HEADING.findall(FENCED.sub("", page.read_text()))
    kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in kept}


def broken(page: Path, root: Path = ROOT) -> list[str]:
    """Answer the links of a page into the tree below root that lead nowhere."""
    links = LINK.findall(FENCED.sub("", page.read_text()))
    wrong = []
    for link in links:
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        is_there = target.exists() and target.is_relative_to(root)
        if not is_there or (anchor and anchor not in anchors(target)):
            wrong.append(link)
    return wrong


def misses(text: str) -> list[str]:
    """Answer the phrases that are not used here, and the lines that are too long.

    Code and tables may be as long as they are, and so may the target of a link.
    """
    prose = FENCED.sub("", text)
    phrases = [found[0] for found in TRANSLATED.finditer(one_line(prose))]
    lines = [line for line in prose.splitlines() if not line.startswith("|")]
    return phrases + [line for line in lines if len(TARGET.sub("", line)) > WIDTH]


@pytest.mark.parametrize("page", PROSE, ids=lambda page: str(page.relative_to(ROOT)))
def test_prose_is_plain_and_wrapped(page: Path) -> None:
    assert misses(page.read_text()) == []


def test_a_phrase_and_a_long_line_are_noticed() -> None:
    long = "word " * 20
    fine = f"| {long} |\n```\n{long}\n```\n[a]({'x' * WIDTH})\nThere is none for whom.\n"
    assert misses(fine) == []
    assert misses(f"{fine}It starts\nanew.\n{long}x\n") == ["anew", f"{long}x"]
    assert misses("Keys are told apart for who asks, if one is none.") == [
        "told apart",
        "for who",
        "is none",
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    assert broken(page) == []


def test_a_link_that_leads_nowhere_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A b\n[a](gone.md) [b](#a-b) [c](#none) [d](https://example.com)\n")
    assert broken(page, tmp_path) == ["gone.md", "#none"]


def test_every_algorithm_has_its_command_its_page_and_its_place(raw: RawConnection) -> None:
    """A row in the core's table is not all: these are the places that only people can fill."""
    clauses = served(raw)["RL.LIMIT"].partition("clause: ")[2].split(" | ")
    words = {clause.split()[0] for clause in clauses} - {"POLICY", "SHADOW", "BAN"}
    assert words >= {"FIXED", "LEAKY"}
    for word in words:
        assert f"RL.{word}" in served(raw), f"RL.{word} is no command"
        assert (COMMANDS / f"{word.lower()}.md").exists(), f"RL.{word} has no page of its own"
        for page in ("README.md", "docs/choosing.md"):
            assert f"RL.{word}" in (ROOT / page).read_text(), f"{page} does not name RL.{word}"
