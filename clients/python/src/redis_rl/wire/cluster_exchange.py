"""Commands of many threads to a cluster: redis-py finds a key's node, an exchange asks it."""

from __future__ import annotations

import threading
import time
from typing import Any

from redis.cluster import RedisCluster
from redis.exceptions import AskError, MovedError, RedisError, ResponseError

from redis_rl.errors import StoreUnavailable
from redis_rl.wire.command import command as packed
from redis_rl.wire.connections import SYNC, Maker, warn_of_retries
from redis_rl.wire.deadline import Deadline
from redis_rl.wire.exchange import Exchange, raised

_MOST_REDIRECTIONS = 3
_REFRESH_EVERY_S = 1.0
_ASKING = packed("ASKING")

Place = tuple[str, int]


class ClusterExchange:
    """Asks the primary of each key, and follows redirections, which charged nothing."""

    def __init__(self, client: RedisCluster, timeout: float, connect_timeout: float) -> None:
        warn_of_retries(getattr(client, "retry", None))
        self._client = client
        self._timeout = timeout
        self._connect_timeout = connect_timeout
        self._exchanges: dict[Place, Exchange] = {}
        self._refreshing = threading.Lock()

    def ask(self, key: str, command: bytes) -> Any:
        """Send a packed command to the key's primary and return its reply, within the timeout."""
        return raised(self.ask_all(key, command))

    def ask_all(self, key: str, *commands: bytes, again: bool = False) -> list[Any]:
        """Send packed commands to the key's primary and return their replies.

        Only the last one is about the key, and is redirected.
        """
        deadline = Deadline(self._timeout)
        node = self._client.get_node_from_key(key)
        place = (node.host, int(node.port))
        command, before = commands[-1], None
        for _ in range(1 + _MOST_REDIRECTIONS):
            try:
                replies = self._exchange(place).ask_by(deadline, *commands, again=again)
                before = replies[:-1] if before is None else before
                return [*before, raised(replies)]
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
        raise StoreUnavailable(
            f"the cluster must settle within {_MOST_REDIRECTIONS} redirections, and did not"
        )

    def probe(self, command: bytes, timeout: float) -> None:
        """Ask every primary; one that redirects knows the command."""
        for node in self._client.get_primaries():
            try:
                raised(
                    self._exchange((node.host, int(node.port))).ask_by(Deadline(timeout), command)
                )
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
            connect = Maker(pool, SYNC, self._connect_timeout, host=place[0], port=place[1])
            found = self._exchanges.setdefault(place, Exchange(connect, self._timeout))
        return found

    def _refresh(self) -> None:
        """Read the layout again in the background, at most once a second."""
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
