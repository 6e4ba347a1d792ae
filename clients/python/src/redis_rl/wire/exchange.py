"""Commands of many threads to a server or a cluster: one connection each, and one deadline."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from redis.cluster import RedisCluster
from redis.exceptions import AskError, BusyLoadingError, MovedError, RedisError, ResponseError
from redis.retry import Retry

from redis_rl.errors import StoreUnavailable
from redis_rl.wire.command import command as packed
from redis_rl.wire.connections import maker, warn_of_retries

_MOST_REDIRECTIONS = 3
_REFRESH_EVERY_S = 1.0
_ASKING = packed("ASKING")

Place = tuple[str, int]


class Exchange:
    """Asks one server. A connection is one thread's while it asks; idle ones are kept."""

    def __init__(self, connect: Callable[[], Any], timeout: float) -> None:
        self._connect = connect
        self._timeout = timeout
        self._idle: deque[Any] = deque()
        self._pid = os.getpid()

    def ask(self, key: str, command: bytes) -> Any:  # noqa: ARG002 - there is one place
        """Send a packed command and answer its reply, within the timeout."""
        return self.ask_by(time.monotonic() + self._timeout, command)

    def ask_by(self, deadline: float, *commands: bytes) -> Any:
        """Send packed commands at once and answer the last reply, by a time of the clock.

        What was sent and not answered is not sent again: its connection is closed.
        """
        connection = self._take()
        try:
            if not self._fresh(connection):
                connection.disconnect()
                connection.connect()
            self._limit(connection, deadline)
            connection.send_packed_command([b"".join(commands)], check_health=False)
            reply: Any = None
            for _ in commands:
                self._limit(connection, deadline)
                reply = self._read(connection)
        except BaseException:
            connection.disconnect()
            raise
        self._idle.append(connection)
        if isinstance(reply, Exception):
            raise reply
        return reply

    def probe(self, command: bytes) -> None:
        """Ask the one server."""
        self.ask("", command)

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().disconnect()

    def _take(self) -> Any:
        if self._pid != os.getpid():
            self._pid, self._idle = os.getpid(), deque()  # the others are the parent's
        try:
            return self._idle.pop()
        except IndexError:
            return self._connect()

    @staticmethod
    def _fresh(connection: Any) -> bool:
        """Whether it is connected, and the server has neither closed it nor said anything."""
        if getattr(connection, "_sock", None) is None:
            return False
        try:
            return not connection.can_read(timeout=0)
        except (RedisError, OSError):
            return False

    def _limit(self, connection: Any, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise StoreUnavailable(f"no answer within {self._timeout * 1000:.0f} ms")
        connection._sock.settimeout(left)

    @staticmethod
    def _read(connection: Any) -> Any:
        """Answer the reply; a refusal is one."""
        try:
            return connection.read_response(disable_decoding=True, disconnect_on_error=False)
        except (ResponseError, BusyLoadingError) as refusal:
            return refusal


class ClusterExchange:
    """Asks the primary of each key, and follows redirections, which charged nothing."""

    def __init__(self, client: RedisCluster, timeout: float) -> None:
        warn_of_retries(getattr(client, "retry", None))
        self._client = client
        self._timeout = timeout
        self._exchanges: dict[Place, Exchange] = {}
        self._refreshing = threading.Lock()

    def ask(self, key: str, command: bytes) -> Any:
        """Send a packed command to the key's primary and answer its reply, within the timeout."""
        deadline = time.monotonic() + self._timeout
        node = self._client.get_node_from_key(key)
        place = (node.host, int(node.port))
        commands: tuple[bytes, ...] = (command,)
        for _ in range(1 + _MOST_REDIRECTIONS):
            try:
                return self._exchange(place).ask_by(deadline, *commands)
            except MovedError as moved:
                self._refresh()
                place, commands = (moved.host or place[0], moved.port), (command,)
            except AskError as ask:
                place, commands = (ask.host or place[0], ask.port), (_ASKING, command)
            except ResponseError:
                raise
            except (RedisError, OSError, StoreUnavailable):
                self._refresh()
                raise
        raise StoreUnavailable(f"redirected more than {_MOST_REDIRECTIONS} times")

    def probe(self, command: bytes) -> None:
        """Ask every primary; one that redirects knows the command."""
        for node in self._client.get_primaries():
            deadline = time.monotonic() + self._timeout
            try:
                self._exchange((node.host, int(node.port))).ask_by(deadline, command)
            except AskError:
                continue

    def close(self) -> None:
        """Close the idle connections; the client is its owner's to close."""
        while self._exchanges:
            self._exchanges.popitem()[1].close()

    def _exchange(self, place: Place) -> Exchange:
        found = self._exchanges.get(place)
        if found is None:
            node = self._client.get_node(*place) or self._client.get_default_node()
            pool = self._client.get_redis_connection(node).connection_pool
            connect = maker(pool, Retry, self._timeout, host=place[0], port=place[1])
            found = self._exchanges.setdefault(place, Exchange(connect, self._timeout))
        return found

    def _refresh(self) -> None:
        """Learn the layout anew, beside the requests, at most once a second."""
        if self._refreshing.acquire(blocking=False):
            threading.Thread(target=self._read_layout, daemon=True).start()

    def _read_layout(self) -> None:
        try:
            self._client.nodes_manager.initialize()
        except Exception:
            pass  # the next check tells
        finally:
            time.sleep(_REFRESH_EVERY_S)
            self._refreshing.release()
