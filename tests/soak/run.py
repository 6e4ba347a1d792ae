"""The order of it all: each disturbance once, then by chance until the time is over."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator

from soak.checks import check, check_at_the_end
from soak.contents import CONTENTS, set_policies
from soak.ledger import Ledger
from soak.links import LINKS
from soak.load import Load
from soak.pair import Pair
from soak.scene import Disturb, Scene
from soak.storage import STORAGE
from support.server import Server

DISTURBANCES: dict[str, Disturb] = {**CONTENTS, **LINKS, **STORAGE}

Say = Callable[[str], None]


def soak(start: Callable[[], Server], seed: int, seconds: float, say: Say) -> Counter[str]:
    """Disturb two servers that `start` starts, until all was done once and the time is over.

    Answers figures of what happened. A difference is an exception.
    """
    scene = begin(start, seed)
    began = time.monotonic()
    figures: Counter[str] = Counter()
    for name in order(scene.random):
        elapsed = time.monotonic() - began
        if elapsed >= seconds and figures["disturbances"] >= len(DISTURBANCES):
            break
        say(f"{elapsed:6.1f} s  {name}")
        disturb(scene, DISTURBANCES[name])
        figures["disturbances"] += 1
    check_at_the_end(scene)
    return figures + scene.load.figures + scene.pair.figures


def begin(start: Callable[[], Server], seed: int) -> Scene:
    """Start both servers, with policies, and the load on the first."""
    ledger = Ledger()
    scene = Scene(Pair(start), Load(seed, ledger), ledger, random.Random(seed))
    scene.load.turn_to(scene.pair.primary)
    scene.until_linked()
    set_policies(scene)
    return scene


def disturb(scene: Scene, disturbance: Disturb) -> None:
    """Do one thing amid calls, and check what came of it."""
    scene.load.burst()
    disturbance(scene)
    scene.load.burst()
    check(scene)


def order(chance: random.Random) -> Iterator[str]:
    """Each disturbance once, in a random order; then any of them, for ever."""
    names = list(DISTURBANCES)
    chance.shuffle(names)
    yield from names
    while True:
        yield chance.choice(names)
