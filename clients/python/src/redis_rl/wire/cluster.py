"""Commands of one event loop to a cluster: redis-py finds a key's node, a pipeline asks it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from redis.asyncio import RedisCluster
from redis.exceptions import AskError, MovedError

from redis_rl.errors import ConnectionBroken, NoAnswer, StoreUnavailable
from redis_rl.wire.command import command as packed
from redis_rl.wire.connections import ASYNC, Maker, warn_of_retries
from redis_rl.wire.deadline import no_answer
from redis_rl.wire.faults import classify
from redis_rl.wire.pipeline import Pipeline

_MOST_REDIRECTIONS = 3
_REFRESH_EVERY_S = 1.0
_ASKING = packed("ASKING")

Place = tuple[str, int]


class ClusterRoutes:
    """Sends each command to the primary of its key, and follows redirections.

    A redirected command was refused, so it is sent again without being charged twice; a command
    without an answer is not, but for `submit_again`.
    """

    def __init__(
        self, client: RedisCluster, timeout: float, connect_timeout: float, capacity: int
    ) -> None:
        warn_of_retries(getattr(client, "retry", None))
        self._client = client
        self._timeout = timeout
        self._connect_timeout = connect_timeout
        self._capacity = capacity
        self._pipelines: dict[Place, Pipeline] = {}
        self._known: asyncio.Task[Any] | None = None
        self._refreshing: asyncio.Task[None] | None = None

    async def submit(self, key: str, command: bytes) -> Any:
        """Ask the key's primary; the reply, or an error, comes before the deadline."""
        deadline = asyncio.get_running_loop().time() + self._timeout
        if self._known is None or not self._known.done() or self._known.exception():
            await self._learn(self._timeout)
        node = self._client.get_node_from_key(key)
        if node is None:
            raise StoreUnavailable(f"a node of the cluster must serve {key!r}, and none does")
        place = (node.host, int(node.port))
        try:
            return await self._pipeline(place).submit(command)
        except AskError as redirection:
            left = deadline - asyncio.get_running_loop().time()
            return await self._within(left, self._follow(redirection, place, command))
        except StoreUnavailable:
            self._refresh()
            raise

    async def submit_again(self, key: str, command: bytes) -> Any:
        """`submit`, once more if the connection breaks: for commands that may be run twice."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._timeout
        try:
            return await self.submit(key, command)
        except ConnectionBroken:
            left = deadline - loop.time()
            if left <= 0:
                raise
            return await self._within(left, self.submit(key, command))

    async def probe(self, command: bytes, timeout: float) -> None:
        """Ask every primary; one that redirects knows the command."""
        await self._learn(timeout)
        for node in self._client.get_primaries():
            pipeline = self._pipeline((node.host, int(node.port)))
            try:
                await pipeline.submit_within(timeout, command)
            except AskError:
                continue

    async def aclose(self) -> None:
        """Close the connections to all nodes; the client is its owner's to close."""
        tasks = [task for task in (self._known, self._refreshing) if task and not task.done()]
        for task in tasks:
            task.cancel()
        pipelines = list(self._pipelines.values())
        self._pipelines.clear()
        await asyncio.gather(
            *tasks, *(pipeline.aclose() for pipeline in pipelines), return_exceptions=True
        )

    async def _follow(self, redirection: AskError, place: Place, command: bytes) -> Any:
        for _ in range(_MOST_REDIRECTIONS):
            place = (redirection.host or place[0], redirection.port)
            pipeline = self._pipeline(place)
            try:
                if isinstance(redirection, MovedError):
                    self._refresh()
                    return await pipeline.submit(command)
                return (await asyncio.gather(pipeline.submit(_ASKING), pipeline.submit(command)))[1]
            except AskError as another:
                redirection = another
        raise StoreUnavailable(
            f"the cluster must settle within {_MOST_REDIRECTIONS} redirections, and did not"
        )

    async def _learn(self, timeout: float) -> None:
        """Wait for the cluster's layout, which is read once for all who wait."""
        if self._known is None or self._known.done():
            if self._known is not None and not self._known.exception():
                return
            self._known = asyncio.get_running_loop().create_task(self._client.initialize())
        await asyncio.wait((self._known,), timeout=timeout)
        if not self._known.done():
            raise NoAnswer(no_answer(timeout))
        self._known.result()

    def _refresh(self) -> None:
        """Read the layout again, unless that is under way or was done a moment ago."""
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.get_running_loop().create_task(self._read_layout())

    async def _read_layout(self) -> None:
        try:
            await self._client.nodes_manager.initialize()
        except Exception as error:
            classify(error)  # the next check tells
        await asyncio.sleep(_REFRESH_EVERY_S)

    def _pipeline(self, place: Place) -> Pipeline:
        found = self._pipelines.get(place)
        if found is None:
            node = self._client.get_node(*place) or self._client.get_default_node()
            connect = Maker(node, ASYNC, self._connect_timeout, host=place[0], port=place[1])
            found = self._pipelines[place] = Pipeline(connect, self._timeout, self._capacity)
        return found

    async def _within(self, seconds: float, work: Coroutine[Any, Any, Any]) -> Any:
        try:
            return await asyncio.wait_for(work, seconds)
        except asyncio.TimeoutError:
            raise NoAnswer(no_answer(self._timeout)) from None
