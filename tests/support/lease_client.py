"""A program of some clients that take places and give them back, until it is killed.

A sorted set beside the leases tells who holds a place and until when, by the same server's clock.
It knows nothing of the module, and is asked in one script with it whether too many hold one.
"""

from __future__ import annotations

import random
import sys
import threading
import time

from support.resp import RawConnection
from support.verdicts import integers

LIMIT = 7
DURATION_MS = 500

# Whether it got a place, and how many are held then.
TAKE = f"""
    local took = redis.call('RL.LEASE', KEYS[1], {LIMIT}, '{DURATION_MS}ms', ARGV[1])[1]
    local time = redis.call('TIME')
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
    if took == 1 then
        redis.call('ZADD', KEYS[2], now + {DURATION_MS}, ARGV[1])
    end
    return {{took, redis.call('ZCOUNT', KEYS[2], now + ARGV[2], '+inf')}}
"""
RENEW = f"""
    local held = redis.call('RL.RENEW', KEYS[1], '{DURATION_MS}ms', ARGV[1])
    local time = redis.call('TIME')
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
    if held == 1 then
        redis.call('ZADD', KEYS[2], now + {DURATION_MS}, ARGV[1])
    end
    return held
"""
RELEASE = """
    redis.call('ZREM', KEYS[2], ARGV[1])
    return redis.call('RL.RELEASE', KEYS[1], ARGV[1])
"""


def client(port: int, name: str, end: float, late_ms: int) -> None:
    """Take a place, hold it, and give it back; or hang up with it.

    A place counts as held until `late_ms` before its end: by so much a server may read its clock
    later for the module than for a script.
    """
    rng = random.Random(name)
    turn = 0
    raw = RawConnection(port)
    while time.monotonic() < end:
        turn += 1
        holder = f"{name}-{turn}"
        took, held = integers(raw("EVAL", TAKE, 2, "{c}places", "{c}witness", holder, late_ms))
        if held > LIMIT:
            print("too many", flush=True)
        if not took:
            time.sleep(rng.uniform(0, 0.02))
            continue
        print("took", flush=True)
        time.sleep(rng.uniform(0, 0.03))
        if rng.random() < 0.3 and raw("EVAL", RENEW, 2, "{c}places", "{c}witness", holder) != 1:
            continue
        if rng.random() < 0.1:
            print("left", flush=True)
            raw.close()
            raw = RawConnection(port)
        else:
            raw("EVAL", RELEASE, 2, "{c}places", "{c}witness", holder)
    raw.close()


def main() -> None:
    """PORT FIRST COUNT SECONDS LATE_MS: so many clients, named from the first."""
    port, first, count = (int(word) for word in sys.argv[1:4])
    end = time.monotonic() + float(sys.argv[4])
    threads = [
        threading.Thread(target=client, args=(port, f"c{number}", end, int(sys.argv[5])))
        for number in range(first, first + count)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
