"""The loss is the paper's, or has a share on luma."""

import pytest
import torch
from torch.nn import functional as F

from din_model.loss import l1

CLEAN = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def test_without_luma_it_is_the_papers():
    assert l1(0) is F.l1_loss


@pytest.mark.parametrize("luma", [0.25, 0.75, 1.0])
def test_an_error_that_all_channels_share_counts_the_same(luma):
    assert float(l1(luma)(CLEAN + 0.1, CLEAN)) == pytest.approx(0.1, rel=1e-4)


def test_an_error_of_colour_alone_counts_less():
    colour = torch.tensor([128.553, -65.481, 0.0])  # what it adds to red it takes from green, for luma
    error = 0.1 * (colour / colour.abs().mean())[None, :, None, None]
    assert float(l1(1.0)(CLEAN + error, CLEAN)) == pytest.approx(0, abs=1e-5)
    assert float(l1(0.75)(CLEAN + error, CLEAN)) == pytest.approx(0.25 * 0.1, rel=1e-4)


def test_a_share_above_one_is_refused():
    with pytest.raises(ValueError, match="0 to 1, not 1.5"):
        l1(1.5)
