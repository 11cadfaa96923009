"""Many visitors at once: every result is right, or the server says that it is busy."""

import pytest

from benchmarks.load import load

VISITORS, SECONDS = 24, 20


@pytest.mark.timeout(600)
def test_every_result_is_right_and_nothing_is_left_behind():
    tally = load(VISITORS, SECONDS)
    assert len(tally.latencies) >= VISITORS
    assert set(tally.others) <= {"busy"}
    assert tally.left == []
    assert tally.percentile(99) < SECONDS * 10
    assert all(sizes[-1] < 4e9 for sizes in tally.memory.values())
