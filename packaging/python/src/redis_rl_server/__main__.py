"""`python -m redis_rl_server` prints where the module lies, and `... start` starts a server."""

from __future__ import annotations

import argparse
import signal

from redis_rl_server import path, server


def main() -> None:
    """Do what the words say."""
    parser = argparse.ArgumentParser(
        prog="python -m redis_rl_server",
        description="Print where the redis-rl module lies, or start a Valkey that has loaded it.",
    )
    parser.add_argument("what", nargs="?", choices=["path", "start"], default="path")
    parser.add_argument("--port", type=int, default=6379, help="of the server (6379)")
    asked = parser.parse_args()
    if asked.what == "path":
        print(path())
        return
    try:
        running = server(asked.port)
    except ImportError as error:
        raise SystemExit(str(error)) from None
    ends = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    with running:
        print(f"redis://127.0.0.1:{asked.port} has the module; Ctrl-C ends it.", flush=True)
        signal.sigwait(ends)


if __name__ == "__main__":
    main()
