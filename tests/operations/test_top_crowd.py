"""RL.TOP finds who is denied often among very many. One kind of server will do: it only asks."""

from __future__ import annotations

from support.resp import RawConnection
from support.verdicts import rows

CROWD = """
    for i = 1, 100000 do
        redis.call('RL.FIXED', 'other:' .. i, 0, '1m')
        local heavy = i % 128
        if heavy < 10 then
            for j = 0, heavy do redis.call('RL.FIXED', 'heavy:' .. heavy, 0, '1m') end
        end
    end
"""


def test_who_is_denied_often_is_found_in_a_crowd(raw: RawConnection) -> None:
    raw("EVAL", CROWD, 0)
    told = [(row[0], row[1]) for row in rows(raw("RL.TOP"))]
    assert len(told) == 128
    assert [key for key, _ in told[:10]] == [b"heavy:%d" % n for n in reversed(range(10))]
    for key, count in told[:10]:
        assert isinstance(key, bytes)
        assert isinstance(count, int)
        really = (int(key[-1:]) + 1) * 100_000 / 128
        assert 0.8 * really < count < 1.2 * really, key
