"""What a file that was built tells of where that was."""

from __future__ import annotations

import os
import re
from pathlib import Path

from support.paths import ROOT


def assert_tells_nothing_of_this_machine(file: Path) -> None:
    """Check that none of this machine's folders is in a file."""
    home = Path.home()
    places = {
        *(ROOT, ROOT.resolve(), home, home.resolve()),
        Path(os.environ.get("CARGO_HOME", home / ".cargo")).resolve(),
        Path(os.environ.get("RUSTUP_HOME", home / ".rustup")).resolve(),
    }
    content = file.read_bytes()
    assert b"ratelimit" in content
    for place in places - {Path("/")}:
        assert not re.search(rb"(?<![\w/.-])" + re.escape(bytes(place)) + rb"(?![\w-])", content)
    # Nor does debug information name a source by an absolute path, but for the compiler's own.
    sources = re.findall(rb"(?<![\w./~+-])/(?:[\w.+-]+/)+[\w.+-]+\.(?:rs|c|h)\b", content)
    assert [each for each in sources if not each.startswith((b"/rustc/", b"/rust/deps/"))] == []
