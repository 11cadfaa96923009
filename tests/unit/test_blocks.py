"""The blocks against the paper's formulas, written out independently."""

from dataclasses import replace
from typing import TypeVar

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from din_model.blocks import RDB, WRDB, AsyCA
from din_model.config import DINConfig

CONFIG = DINConfig(channels=6, growth=4, rdbs=2, convs=3)


M = TypeVar("M", bound=nn.Module)


def randomise(module: M) -> M:
    torch.manual_seed(1)
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.2)
    return module


@pytest.fixture
def x():
    torch.manual_seed(2)
    return torch.randn(2, 6, 5, 7)


@pytest.mark.parametrize(("scale_on", "branch", "skip"), [("branch", 0.1, 1.0), ("skip", 1.0, 0.1)])
@pytest.mark.parametrize("last_activation", [False, True])
def test_rdb(x, scale_on, branch, skip, last_activation):
    rdb = randomise(RDB(replace(CONFIG, rdb_scale_on=scale_on, rdb_last_activation=last_activation)))
    c1, c2, c3 = rdb.convs
    f1 = F.leaky_relu(c1(x), 0.2)
    f2 = F.leaky_relu(c2(torch.cat([x, f1], 1)), 0.2)
    f3 = c3(torch.cat([x, f1, f2], 1))
    f3 = F.leaky_relu(f3, 0.2) if last_activation else f3
    assert torch.allclose(rdb(x), branch * f3 + skip * x, atol=1e-6)


def weigh(dwc, x):
    """A 1x1 depth-wise convolution is a weight and a bias a channel."""
    return dwc.weight.view(1, -1, 1, 1) * x + dwc.bias.view(1, -1, 1, 1)


@pytest.mark.parametrize("dwc", ["added", "input", "none"])
def test_wrdb(x, dwc):
    wrdb = randomise(WRDB(replace(CONFIG, dwc=dwc)))
    r1, r2 = wrdb.rdbs
    x0 = F.leaky_relu(wrdb.conv(x), 0.2)
    if dwc == "none":
        x2 = r2(r1(x0))
    else:
        w01, w02, w12 = (wrdb.get_submodule(f"dwcs.{place}") for place in ("0.0", "1.0", "1.1"))
        if dwc == "added":
            x1 = r1(x0) + weigh(w01, x0)
            x2 = r2(x1) + weigh(w02, x0) + weigh(w12, x1)
        else:
            x1 = r1(weigh(w01, x0))
            x2 = r2(weigh(w02, x0) + weigh(w12, x1))
    assert torch.allclose(wrdb(x), x + 0.1 * x2, atol=1e-6)


def test_asyca(x):
    torch.manual_seed(3)
    other = torch.randn_like(x)
    asyca = randomise(AsyCA(6, 2))
    w_int, w1, w2 = (m.weight[:, :, 0, 0] for m in (asyca.integrate, asyca.squeeze, asyca.excite))
    # A 1x1 convolution and an average commute (Eqs. 7-8), so the descriptor comes from the pooled inputs.
    z = torch.cat([x, other], 1).mean((2, 3)) @ w_int.T + asyca.get_parameter("integrate.bias")
    s = F.relu(z @ w1.T + asyca.get_parameter("squeeze.bias")) @ w2.T + asyca.get_parameter("excite.bias")
    alpha = torch.sigmoid(s[:, :6] - s[:, 6:])[:, :, None, None]  # Eq. 10 for two inputs
    assert torch.allclose(asyca(x, other), alpha * x + (1 - alpha) * other, atol=1e-5)


def test_asyca_of_a_state_with_itself_is_that_state(x):
    assert torch.allclose(randomise(AsyCA(6, 2))(x, x), x, atol=1e-6)
