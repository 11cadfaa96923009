"""A function whose frame is large has the frames of what it calls in one piece of memory."""

import resource
from concurrent.futures import ThreadPoolExecutor

from app.stack import in_one_piece

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
