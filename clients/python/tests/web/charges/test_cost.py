"""What a request costs that uses none of this: nothing, in every adapter."""

import sys
import threading
from types import FrameType
from typing import Any

from redis_rl.testing import faked
from web.apps.adapters import limited
from web.conftest import Serve

NEW = ("/charges/", "rules/ending.py", "rules/all.py", "rules/places.py", "asgi/watched.py")


def test_it_enters_none_of_the_code(make: Serve) -> None:
    site = make(limited("100/minute", name="plain"))
    entered: set[str] = set()

    def profile(frame: FrameType, event: str, _: Any) -> None:
        file = frame.f_code.co_filename
        if event == "call" and "/redis_rl/" in file:
            entered.add(file)

    with faked(site.limiter) as store:
        site.ask()
        threading.setprofile(profile)
        sys.setprofile(profile)
        try:
            assert site.ask().status == 200
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
        assert [len(asked.clauses) for asked in store.asked] == [1, 1]
    assert any(file.endswith("rules/asking.py") for file in entered)
    assert not [file for file in entered for new in NEW if new in file]
