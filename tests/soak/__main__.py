"""Soak the module: `make soak`, which builds it and puts the tests' tools on the path."""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
from pathlib import Path

from soak.pair import CONFIG
from soak.run import soak
from support import kinds
from support.pool import NewServer

LONGEST_S = 3_600


def main() -> None:
    """Soak as asked; a failure keeps the servers' folders, and says where they are."""
    asked = _arguments()
    kind = kinds.kind(asked.server)
    if not kind.available:
        raise SystemExit(kind.reason)
    folder = Path(tempfile.mkdtemp(prefix="redis-rl-soak-"))
    say(f"{kind.name} {kind.version}, seed {asked.seed}, {asked.seconds:g} s")
    new_server = NewServer(kind, folder, [])
    try:
        try:
            figures = soak(lambda: new_server(config=CONFIG), asked.seed, asked.seconds, say)
        finally:
            new_server.close()
    except BaseException:
        say(f"FAILED with --seed {asked.seed}; the servers' logs and files are in {folder}")
        raise
    shutil.rmtree(folder)
    for name, number in sorted(figures.items()):
        say(f"{number:>12,}  {name.replace('_', ' ')}")
    say("Equal on primary and replica, and after restarts from AOF and RDB.")


def say(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--seconds", type=_seconds, default=180.0)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--server", choices=kinds.NAMES + kinds.MORE_NAMES, default=kinds.FLOOR)
    return parser.parse_args()


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds <= LONGEST_S:
        raise argparse.ArgumentTypeError(f"must be from 0 to {LONGEST_S}, not {text}")
    return seconds


if __name__ == "__main__":
    main()
