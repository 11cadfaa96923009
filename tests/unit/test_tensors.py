"""An answer of a server is what was asked for, or an error."""

from types import SimpleNamespace

import numpy as np
import pytest

from app.client import tensors
from app.errors import ServerError

TILE = np.arange(1 * 4 * 6 * 3, dtype=np.uint8).reshape(1, 4, 6, 3)


def answer_of(array):
    return SimpleNamespace(as_numpy={"restored": array}.get)


def test_an_answer_of_the_size_that_was_asked_for_is_returned():
    assert np.array_equal(tensors.read_answer(answer_of(TILE), "restored", TILE.nbytes), TILE[0])


@pytest.mark.parametrize("array", [None, TILE[:, :3], np.concatenate([TILE, TILE]), TILE.astype(np.float32)])
def test_another_is_an_error(array):
    with pytest.raises(ServerError, match="returned no image: try again"):
        tensors.read_answer(answer_of(array), "restored", TILE.nbytes)


def test_a_core_outside_its_tile_is_the_callers_mistake():
    nothing = np.full((1, 5), np.nan, np.float32)
    with pytest.raises(ServerError, match="The core lies outside its tile") as refused:
        tensors.read_answer(answer_of(nothing), "restored", nothing.nbytes)
    assert refused.value.status == "INVALID_ARGUMENT"
