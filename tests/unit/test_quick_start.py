"""What a start does not wait for: memory for the stack at every call, and the search for garbage in what stays."""

import gc
import resource
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.quick_start import in_one_piece, without_collection

CALLS = 300
DEPTH = 400  # frames; 16 KiB hold about a hundred of them


def leaf():
    return None


# Larger than that of each call on the way, so that it crosses the end of a piece from one depth at least.
leaf.__code__ = leaf.__code__.replace(co_stacksize=50)


def faults_at(depth):
    """The page faults of many calls from so many frames deep."""
    if depth:
        return faults_at(depth - 1)
    before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
    for _ in range(CALLS):
        leaf()
    return resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before


def most_faults():
    return max(map(faults_at, range(DEPTH)))


@in_one_piece
def most_faults_in_one_piece():
    return most_faults()


def test_calls_at_the_end_of_a_piece_take_no_new_one():
    with ThreadPoolExecutor(1) as thread:  # its stack begins anew
        assert thread.submit(most_faults).result() >= CALLS
        assert thread.submit(most_faults_in_one_piece).result() < CALLS / 10


def test_the_function_stays_what_it_is():
    def add(a, b=2):
        return a + b

    assert in_one_piece(add) is add
    assert add(1) == 3


def test_what_is_made_meanwhile_is_not_looked_through():
    before = gc.get_freeze_count()
    try:
        with without_collection():
            assert not gc.isenabled()
            made: list[list[int]] = [[] for _ in range(1000)]
        assert gc.isenabled()
        assert gc.get_freeze_count() > before + len(made)
    finally:
        gc.unfreeze()


def test_garbage_is_looked_for_again_after_an_error():
    with pytest.raises(KeyError), without_collection():
        raise KeyError
    gc.unfreeze()
    assert gc.isenabled()
