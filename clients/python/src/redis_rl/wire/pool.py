"""Connections of many threads to one server.

A thread has a connection to itself while it asks. If none is idle, one is made in a thread of its
own, which goes on even after the check that needed it has ended; the others wait for it, or for
one that comes back.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from typing import Any

from redis.exceptions import RedisError

from redis_rl.errors import CannotDecide, NoAnswer
from redis_rl.wire.connections import Maker
from redis_rl.wire.deadline import Deadline


class _Attempt:
    """The making of one connection."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.done = False
        self.error: CannotDecide | None = None


class Pool:
    """Takes, gives back and makes connections; may be used after a fork."""

    def __init__(self, connect: Maker) -> None:
        self._connect = connect
        self._attempt: _Attempt | None = None
        self._begin()

    def take(self, deadline: Deadline) -> Any:
        """Return a connection that nobody else uses, by the deadline."""
        if self._pid != os.getpid():
            self._begin()  # all connections are the parent's
        attempt: _Attempt | None = None
        with self._changed:
            while True:
                connection = self._fresh_one()
                if connection is not None:
                    self._busy += 1
                    return connection
                if attempt is not None and attempt.done:
                    if attempt.error is None:
                        attempt = None  # another was quicker to take what was made
                    elif not self._busy:
                        raise type(attempt.error)(*attempt.error.args)
                if attempt is None:
                    attempt = self._joined()
                left = deadline.left
                if left:
                    began = time.monotonic()
                    self._changed.wait(left)
                    deadline.waited(min(left, time.monotonic() - began))
                else:
                    deadline.passed(self._connect.no_connection)

    def give(self, connection: Any) -> None:
        """Take back a connection that others can use."""
        with self._changed:
            self._busy -= 1
            self._idle.append(connection)
            self._changed.notify()

    def drop(self, connection: Any) -> None:
        """Take back a connection that cannot be used any more."""
        connection.disconnect()
        with self._changed:
            self._busy -= 1
            self._changed.notify()

    def close(self) -> None:
        """Close the idle connections, and the one being made as soon as it is ready."""
        with self._changed:
            self._attempt = None
            while self._idle:
                self._idle.pop().disconnect()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._changed = threading.Condition()
        self._idle: deque[Any] = deque()
        self._busy = 0
        self._attempt = None

    def _fresh_one(self) -> Any:
        """An idle connection that the server has neither closed nor written to."""
        while self._idle:
            connection = self._idle.pop()
            try:
                if not connection.can_read(timeout=0):
                    return connection
            except (RedisError, OSError):
                pass
            connection.disconnect()
        return None

    def _joined(self) -> _Attempt:
        """The attempt under way; a new one if there is none, or if it takes too long."""
        attempt = self._attempt
        if attempt is None or time.monotonic() - attempt.began > self._connect.connect_timeout:
            attempt = self._attempt = _Attempt()
            thread = threading.Thread(target=self._make, args=(attempt,), daemon=True)
            try:
                thread.start()
            except RuntimeError as error:  # the process ends, or has no thread left
                self._attempt = None
                raise NoAnswer(
                    f"a thread must connect to Redis, and cannot start: {error}"
                ) from error
        return attempt

    def _make(self, attempt: _Attempt) -> None:
        connection = None
        try:
            connection = self._connect()
            connection.connect()
        except Exception as error:
            attempt.error = self._connect.failure(error)
        with self._changed:
            attempt.done = True
            wanted = self._attempt is attempt
            if wanted:
                self._attempt = None
                if attempt.error is None:
                    self._idle.append(connection)
            self._changed.notify_all()
        if connection is not None and (attempt.error is not None or not wanted):
            connection.disconnect()
