"""Commands of many threads to one server: one connection each, and one deadline."""

from __future__ import annotations

from ssl import SSLWantReadError
from typing import Any

from redis_rl.errors import ConnectionBroken, NoAnswer
from redis_rl.wire.connections import Maker
from redis_rl.wire.deadline import Deadline
from redis_rl.wire.faults import broken
from redis_rl.wire.pool import Pool
from redis_rl.wire.resp import Incomplete, Refusal, read

_SIZE = 65536


class Exchange:
    """Asks one server."""

    def __init__(self, connect: Maker, timeout: float) -> None:
        self._timeout = timeout
        self._pool = Pool(connect)
        self.close = self._pool.close

    def ask(self, key: str, command: bytes) -> Any:  # noqa: ARG002 - there is one place
        """Send a packed command and return its reply, within the timeout."""
        return raised(self.ask_by(Deadline(self._timeout), command))

    def ask_all(self, key: str, *commands: bytes, again: bool = False) -> list[Any]:  # noqa: ARG002
        """Send packed commands at once and return their replies, refusals as errors."""
        return self.ask_by(Deadline(self._timeout), *commands, again=again)

    def probe(self, command: bytes, timeout: float) -> None:
        """Ask the one server, on a connection that is kept."""
        raised(self.ask_by(Deadline(timeout), command))

    def ask_by(self, deadline: Deadline, *commands: bytes, again: bool = False) -> list[Any]:
        """Send packed commands at once and return their replies, refusals as errors.

        Commands without an answer are not sent again; their connection is closed. With `again`,
        which is for commands that may be run twice, they are, once, if the connection breaks.
        """
        connection = self._pool.take(deadline)
        try:
            replies = _exchanged(connection, deadline, commands)
        except BaseException as error:
            self._pool.drop(connection)
            if again and deadline.left and isinstance(error, ConnectionBroken):
                return self.ask_by(deadline, *commands)
            raise
        self._pool.give(connection)
        parser = connection._parser  # a cluster client's knows redirections besides
        return [
            parser.parse_error(reply) if isinstance(reply, Refusal) else reply for reply in replies
        ]


def raised(replies: list[Any]) -> Any:
    """Return the last reply, or raise it if it is an error."""
    reply = replies[-1]
    if isinstance(reply, Exception):
        raise reply
    return reply


def _exchanged(connection: Any, deadline: Deadline, commands: tuple[bytes, ...]) -> list[Any]:
    """Write commands and read as many replies."""
    sock = connection._sock
    if sock is None:
        raise NoAnswer("the connection was closed")
    deadline.ran()
    if not deadline.left:
        deadline.passed()
    sock.settimeout(deadline.left or None)
    try:
        sock.sendall(b"".join(commands))
    except TimeoutError:
        raise NoAnswer("the server must read what is written to it, and did not") from None
    except ConnectionError as error:
        raise broken(error) from None
    deadline.ran()
    data, at = b"", 0
    replies: list[Any] = []
    while len(replies) < len(commands):
        data += _received(sock, deadline)
        try:
            while at < len(data):
                reply, at = read(data, at)
                replies.append(reply)
        except Incomplete:
            pass
    if len(replies) > len(commands):
        raise NoAnswer("the server must answer each command once, and sent another reply")
    return replies


def _received(sock: Any, deadline: Deadline) -> bytes:
    """Receive what comes next; what is already there counts, whatever the clock says."""
    while True:
        sock.settimeout(deadline.left)
        try:
            data: bytes = sock.recv(_SIZE)
        except (TimeoutError, BlockingIOError, SSLWantReadError):
            deadline.passed()
            continue
        except ConnectionError as error:
            raise broken(error) from None
        if not data:
            raise broken(None)
        return data
