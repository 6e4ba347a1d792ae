"""The first minute with the crate `redis-rl`, as its README has it, to the letter.

The crate is the one that crates.io would be given. It is compiled into the folder of `make
test-rust`, with the versions that those tests have, so that little is compiled again.
"""

from __future__ import annotations

import os
import re
import shutil
import tarfile
from pathlib import Path

import pytest

from support.first_minute import TYPED_S, assert_refuses_after, blocks, status, type_in
from support.paths import ROOT, TARGET
from support.ports import free_port
from support.program import Program
from support.server import Server

README = "clients/rust/README.md"
COMPILED_S = 1800.0


@pytest.fixture
def unpacked(tmp_path: Path) -> Path:
    """A folder in which the helper lies where a checkout has it: the packaged one."""
    crate = os.environ.get("RL_CRATE")
    if not crate:
        pytest.skip("the crate is tested by 'make test-crate'")
    with tarfile.open(ROOT / crate) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    [package] = (tmp_path / "unpacked").iterdir()
    (tmp_path / "redis-rl" / "clients").mkdir(parents=True)
    package.rename(tmp_path / "redis-rl" / "clients" / "rust")
    return tmp_path / "redis-rl"


@pytest.mark.timeout(COMPILED_S + 3 * TYPED_S)
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_first_example(server: Server, unpacked: Path, tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    shop.mkdir()
    shutil.copy(unpacked / "clients" / "rust" / "Cargo.lock", shop)
    compiled = {
        "CARGO_TARGET_DIR": str(TARGET / "clients-rust"),
        "RUSTC_WRAPPER": str(ROOT / "scripts" / "rustc.sh"),
    }
    _, begin, answered, *_ = blocks(README, "text")
    type_in(shop, begin, REDIS_RL=str(unpacked), **compiled)

    port = free_port()
    [code, *_] = blocks(README, "rust,no_run")
    code = code.replace("127.0.0.1:6379", f"127.0.0.1:{server.port}")
    (shop / "src" / "main.rs").write_text(code.replace("127.0.0.1:8000", f"127.0.0.1:{port}"))
    told = re.search(r"`(cargo run)` and six times `(curl .+?)`", (ROOT / README).read_text())
    assert told
    run, ask = told.groups()
    app = Program(run.split(), tmp_path / "log", {**os.environ, **compiled}, shop)
    try:
        assert app.answers(lambda: status(port, "/") == 200, COMPILED_S), app.log()
        printed: list[list[str]] = []

        def asked() -> int:
            lines = type_in(shop, ask.replace(":8000", f":{port}")).splitlines()
            printed.append([line.strip() for line in lines])
            return int(printed[-1][0].split()[1])

        assert_refuses_after(5, asked)
    finally:
        app.kill()
    assert set(answered.splitlines()) <= set(printed[-1])
