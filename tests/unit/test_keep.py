"""What is left of a degradation in a ground truth."""

import numpy as np
import pytest

from din_model.keep import Keep


def photo(value):
    return np.full((8, 6, 3), value, np.uint8)


def test_a_share_is_left_and_no_more_than_the_limit():
    keep = Keep(0.1, 0.5, levels=8)
    assert keep.leave(photo(120), photo(100), 0.25).mean() == 105
    assert keep.leave(photo(200), photo(100), 0.25).mean() == 108
    assert keep.leave(photo(20), photo(100), 0.5).mean() == 92
    assert keep.leave(photo(100), photo(100), 0.5).mean() == 100
    assert Keep(0.1, 0.5).leave(photo(200), photo(100), 0.25).mean() == 125


def test_shares_lie_between_the_two():
    shares = [Keep(0.1, 0.5).draw(np.random.default_rng(seed)) for seed in range(200)]
    assert 0.1 <= min(shares) < 0.15
    assert 0.45 < max(shares) <= 0.5


@pytest.mark.parametrize("values", [(0.5, 1.5), (0.5, 0.4), (-0.1, 0.4), (0.1, 0.4, 0)])
def test_other_values_are_refused(values):
    with pytest.raises(ValueError, match="two shares from 0 to 1, and levels above 0"):
        Keep(*values)
