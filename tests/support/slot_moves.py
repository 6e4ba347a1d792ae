"""Slots that servers move by themselves, as a whole, in the words of either server."""

from __future__ import annotations

from support.cluster import ask, asked
from support.resp import Argument, Failure
from support.server import Server


def move_slots(source: Server, target: Server, slots: range) -> None:
    """Begin to move slots; clients are told MOVED once all of them are there."""
    told, words = _moving(source, target, slots)
    asked(told, *words)


def begin_to_move_and_give_up(source: Server, target: Server, slots: range) -> None:
    """Begin to move slots and cancel that in one go, so that it cannot be over before."""
    told, words = _moving(source, target, slots)
    valkey = told.kind.is_valkey
    cancel = ("CANCELSLOTMIGRATIONS",) if valkey else ("MIGRATION", "CANCEL", "ALL")
    with told.raw() as connection:
        replies = connection.pipeline([words, ("CLUSTER", *cancel)])
    assert not any(isinstance(reply, Failure) for reply in replies), replies
    # A Redis counts what it cancelled.
    assert valkey or replies[1] == 1, replies


def _moving(source: Server, target: Server, slots: range) -> tuple[Server, tuple[Argument, ...]]:
    """Who is to be told, and in what words."""
    if source.kind.is_valkey:
        words = ("MIGRATESLOTS", "SLOTSRANGE", slots[0], slots[-1], "NODE")
        return source, ("CLUSTER", *words, ask(target, "CLUSTER", "MYID"))
    return target, ("CLUSTER", "MIGRATION", "IMPORT", slots[0], slots[-1])
