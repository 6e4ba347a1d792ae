"""The files for containers: they say that they were not run, and what can be run here is."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

import version
from support.eventually import eventually
from support.kinds import Kind
from support.paths import MODULE, ROOT
from support.ports import free_port
from support.resp import RawConnection

PACKAGING = ROOT / "packaging"
ENTRYPOINT = PACKAGING / "docker" / "redis-rl-entrypoint.sh"
NOT_RUN = re.compile(r"^(?:#|//) Not (?:run|built) where this is ?developed, which has no ")


@pytest.mark.parametrize(
    "file",
    [
        *sorted((PACKAGING / "docker").glob("*Dockerfile")),
        PACKAGING / "docker" / "compose.yaml",
        PACKAGING / "kubernetes" / "redis-rl.yaml",
    ],
    ids=lambda file: file.name,
)
def test_the_first_line_says_that_it_was_not_run(file: Path) -> None:
    assert NOT_RUN.match(file.read_text())


def environment(kind: Kind, **more: str) -> dict[str, str]:
    return {**os.environ, "SERVER": str(kind.launcher), "MODULE": str(MODULE), **more}


@contextmanager
def started(
    kind: Kind, folder: Path, port: int, words: Sequence[str], **more: str
) -> Iterator[RawConnection]:
    """What the entrypoint starts, once it answers; it must end well when it is told to."""
    log = folder / "log"
    with (
        log.open("wb") as out,
        subprocess.Popen(
            [ENTRYPOINT, *words],
            cwd=folder,
            env=environment(kind, **more),
            stdout=out,
            stderr=subprocess.STDOUT,
        ) as server,
    ):
        try:
            eventually(lambda: healthy(kind, port).returncode == 0, 60)
            with RawConnection(port) as connection:
                yield connection
            server.send_signal(signal.SIGTERM)
            assert server.wait(60) == 0, log.read_text()
        finally:
            server.kill()


def healthy(kind: Kind, port: int) -> subprocess.CompletedProcess[bytes]:
    """What the images' health check does."""
    return subprocess.run(
        [ENTRYPOINT, "healthy"],
        env=environment(kind, PORT=str(port)),
        capture_output=True,
        timeout=60,
        check=False,
    )


@pytest.mark.all_servers
def test_options_are_the_servers(kind: Kind, tmp_path: Path) -> None:
    port = free_port()
    assert healthy(kind, port).returncode != 0
    with started(kind, tmp_path, port, ["--port", str(port), "--save", ""]) as raw:
        assert raw("RL.VERSION") == version.told(version.SOURCE).encode()


def test_a_configuration_and_arguments_of_the_module(kind: Kind, tmp_path: Path) -> None:
    port = free_port()
    config = tmp_path / "my.conf"
    config.write_text(f'port {port}\nsave ""\nratelimit.notify-denied yes\n')
    arguments = {"MODULE_ARGS": "TOP-SIZE 200"}
    with started(kind, tmp_path, port, [str(config)], **arguments) as raw:
        told = raw("CONFIG", "GET", "ratelimit.top-size", "ratelimit.notify-denied")
        assert isinstance(told, list)
        assert {b"200", b"yes"} <= set(told)


def test_the_command_written_out(kind: Kind, tmp_path: Path) -> None:
    port = free_port()
    words = [str(kind.launcher), "--port", str(port), "--save", ""]
    with started(kind, tmp_path, port, words) as raw:
        assert raw("RL.FIXED", "k", 5, "1m") == [1, 5, 4, 0, 60_000]


def test_another_command_is_left_alone(kind: Kind, tmp_path: Path) -> None:
    command = [str(ENTRYPOINT), "printf", "%s.", "a b", "--port"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment(kind), capture_output=True, timeout=60, check=True
    )
    assert done.stdout == b"a b.--port."


def test_an_images_own_entrypoint_gets_the_rest(kind: Kind, tmp_path: Path) -> None:
    own = tmp_path / "docker-entrypoint.sh"
    own.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    own.chmod(0o755)
    done = subprocess.run(
        [ENTRYPOINT, "--port", "7777"],
        env=environment(kind, PATH=f"{tmp_path}:{os.environ['PATH']}"),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    server = str(kind.launcher)
    assert done.stdout.split() == [server, "--port", "7777", "--loadmodule", str(MODULE)]


def test_an_image_without_a_server_says_so(tmp_path: Path) -> None:
    done = subprocess.run(
        ["/bin/sh", ENTRYPOINT],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert done.stderr == "this image must have one of: valkey-server redis-server\n"
