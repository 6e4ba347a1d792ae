"""Replies of RL.* commands, as what they are."""

from __future__ import annotations

from support.resp import Failure, Reply

TOO_MANY_LIMITERS = Failure(
    "ERR key holds at most 64 limiters in use; each algorithm and period is one, and so is each "
    "limit on trial, the set of leases and the ban"
)


def integers(reply: Reply) -> list[int]:
    """The reply as an array of integers."""
    assert isinstance(reply, list), reply
    numbers = [each for each in reply if isinstance(each, int) and not isinstance(each, bool)]
    assert len(numbers) == len(reply), reply
    return numbers


def rows(reply: Reply) -> list[list[Reply]]:
    """The reply as an array of arrays, as RL.PEEK's."""
    assert isinstance(reply, list), reply
    arrays = [each for each in reply if isinstance(each, list)]
    assert len(arrays) == len(reply), reply
    return arrays


def clauses(reply: Reply) -> tuple[int, list[list[int]]]:
    """RL.LIMIT's reply: the verdict of the whole, and one for each clause."""
    assert isinstance(reply, list), reply
    assert isinstance(reply[0], int), reply
    return reply[0], [integers(each) for each in reply[1:]]
