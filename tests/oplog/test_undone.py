"""The times that restores have undone."""

from __future__ import annotations

import random

from secantus_server.oplog import undone
from secantus_server.oplog.undone import UndoneTimes
from secantus_server.storage import Engine


def test_intervals_exclude_their_begin() -> None:
    times = UndoneTimes()
    times.add(5, 8)
    times.add(8, 12)
    assert [stamp for stamp in range(20) if stamp in times] == list(range(6, 13))
    times.add(15, 16)
    assert 14 not in times
    assert 15 not in times
    assert 16 in times


def test_an_outer_restore_takes_in_the_inner_ones() -> None:
    times = UndoneTimes()
    times.add(5, 8)
    times.add(10, 12)
    times.add(20, 21)
    times.add(9, 30)
    assert [stamp for stamp in range(40) if stamp in times] == [6, 7, 8, *range(10, 31)]


def test_random_restores() -> None:
    seed = random.randrange(10**9)
    print("seed", seed)
    rng = random.Random(seed)
    times, undone, now, stack = UndoneTimes(), set(), 1, [1]
    for _ in range(500):
        action = rng.randrange(3)
        if action == 0:
            now += rng.randrange(1, 4)
        elif action == 1:
            stack.append(now)
        else:
            level = rng.randrange(len(stack))
            del stack[level + 1 :]
            if now > stack[level]:
                times.add(stack[level], now)
                undone |= set(range(stack[level] + 1, now + 1))
                now += 1
                stack[level] = now
    assert {stamp for stamp in range(now + 2) if stamp in times} == undone


def test_stored_intervals(engine: Engine) -> None:
    with engine.transaction() as unit:
        for begin, end in ((5, 8), (10, 12), (20, 21), (9, 30), (40, 41)):
            undone.save(unit, begin, end)
    with engine.transaction() as unit:
        undone.forget(unit, 9)
        times = undone.load(unit)
    assert [stamp for stamp in range(50) if stamp in times] == [*range(10, 31), 41]
