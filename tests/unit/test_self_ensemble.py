"""DIN+: every orientation comes back to its place."""

import torch

from din_model.self_ensemble import self_ensemble


def test_a_network_without_direction_is_unchanged():
    x = torch.rand(2, 3, 5, 8)
    assert torch.allclose(self_ensemble(lambda t: 2 * t, x), 2 * x)


def test_without_quarter_turns_four_orientations_are_averaged():
    x, seen = torch.rand(1, 3, 4, 6), []

    def watch(t):
        seen.append(t)
        return t

    restored = self_ensemble(watch, x, quarter_turns=False)
    assert {t.shape for t in seen} == {x.shape}
    assert len({tuple(t.flatten().tolist()) for t in seen}) == len(seen) == 4
    assert torch.allclose(restored, x)


def test_all_eight_orientations_are_averaged():
    x = torch.rand(1, 3, 4, 6)
    seen = []

    def darken_first_row(t):
        seen.append(t)
        t = t.clone()
        t[:, :, 0] = 0
        return t

    restored = self_ensemble(darken_first_row, x)
    assert len({tuple(t.flatten().tolist()) for t in seen}) == 8
    # Each side was the first row in two of the eight, so a side keeps 6/8 and a corner 4/8 of its value.
    assert torch.allclose(restored[..., 0, 1:-1], x[..., 0, 1:-1] * 0.75)
    assert torch.allclose(restored[..., 1:-1, -1], x[..., 1:-1, -1] * 0.75)
    assert torch.allclose(restored[..., 0, 0], x[..., 0, 0] * 0.5)
    assert torch.allclose(restored[..., 1:-1, 1:-1], x[..., 1:-1, 1:-1])
