"""A photo's requests are sent again where a server was lost, for a while, and one at a time."""

import itertools
import time
from concurrent.futures import Future

import pytest

from app.errors import ModelGoneError, ServerError, ServerUnavailableError
from app.pipeline import tiling
from app.pipeline.requests import Outage, Patience, in_flight

PLAN = tiling.plan((100, 75), tile=32, overlap=4)
QUICK = Patience(
    outage_s=0.5, gone_s=0.1, first_delay_s=0.01, longest_delay_s=0.02, first_s=0.1, stalled_s=0.1, tick_s=0.02
)
AWAY = ServerUnavailableError("away")


class Server:
    """It answers each request with its tile, or as a rule says.

    Args:
        rule: returns for the number of a request an error, None for the answer, or ... for no answer at all.
    """

    def __init__(self, rule):
        self.rule, self.futures, self.most = rule, [], 0

    def ask(self, tile):
        future: Future[tiling.Tile] = Future()
        answer = self.rule(len(self.futures))
        self.futures.append(future)
        self.most = max(self.most, sum(not future.done() for future in self.futures))
        if answer is None:
            future.set_result(tile)
        elif answer is not ...:
            future.set_exception(answer)
        return future


def answers(server, patience=QUICK):
    """Each tile with its answer; how often none came is returned beside."""
    found = list(in_flight(server.ask, PLAN, patience))
    pairs = [pair for pair in found if pair is not None]
    assert all(tile is answer for tile, answer in pairs)
    return [tile for tile, _ in pairs], len(found) - len(pairs)


def test_without_a_fault_each_tile_is_asked_for_once():
    server = Server(lambda number: None)
    tiles, waits = answers(server)
    assert (sorted(tiles, key=PLAN.index), waits) == (PLAN, 0)
    assert len(server.futures) == len(PLAN)


def test_tiles_that_find_no_server_are_asked_for_again_one_at_a_time():
    server = Server(lambda number: AWAY if 3 <= number < 20 else None)
    tiles, waits = answers(server)
    assert sorted(tiles, key=PLAN.index) == PLAN
    assert waits > 0
    assert len(server.futures) == len(PLAN) + 17


def test_a_server_that_stays_away_fails_the_photo_after_a_while():
    server, started = Server(lambda number: AWAY if number >= 3 else None), time.monotonic()
    with pytest.raises(ServerUnavailableError, match="away"):
        answers(server)
    assert time.monotonic() - started >= QUICK.outage_s
    assert len(server.futures) < 3 + QUICK.in_flight + QUICK.outage_s / QUICK.first_delay_s


def test_a_version_that_is_gone_is_given_up_sooner():
    outage = Outage(Patience(outage_s=60, gone_s=0))
    outage.begin_or_go_on(AWAY)
    with pytest.raises(ModelGoneError):
        outage.begin_or_go_on(ModelGoneError("gone"))


def test_an_answer_ends_an_outage():
    outage = Outage(Patience(outage_s=0.2))
    for _ in range(3):
        outage.begin_or_go_on(AWAY)
        time.sleep(0.1)
        outage.end()
    assert outage.since_s is None


def test_a_refusal_is_not_repeated():
    server = Server(lambda number: ServerError("refused") if number == 5 else None)
    with pytest.raises(ServerError, match="refused"):
        answers(server)
    assert len(server.futures) <= len(PLAN)


def test_tiles_of_an_instance_that_hangs_go_to_the_others():
    server = Server(lambda number: ... if number in (2, 5) else None)
    tiles, _ = answers(server)
    assert sorted(tiles, key=PLAN.index) == PLAN
    assert server.futures[2].cancelled()
    assert server.futures[5].cancelled()


@pytest.mark.parametrize("plan", [PLAN[:1], PLAN])
def test_a_photo_whose_first_tiles_are_not_answered_sends_them_again(plan):
    server = Server(lambda number: ... if number < len(plan) and number < QUICK.in_flight else None)
    found = list(in_flight(server.ask, plan, QUICK))
    assert None in found
    assert sorted((pair[0] for pair in found if pair), key=PLAN.index) == plan
    assert server.futures[0].cancelled()


def test_a_server_that_answers_nothing_fails_the_photo_after_a_while():
    server = Server(lambda number: ...)
    with pytest.raises(ServerUnavailableError, match="took too long"):
        answers(server)
    assert all(future.cancelled() for future in server.futures)
    assert len(server.futures) == QUICK.in_flight + QUICK.stalls - 1


def test_the_first_answer_may_take_as_long_as_loading_a_network():
    assert Patience().stall_s(0.0) >= 30


def test_a_slow_server_is_given_time():
    patience = Patience(first_s=2.0, stalled_s=1.0, stalled_times=4.0)
    assert [patience.stall_s(0.0, stalls) for stalls in range(3)] == [2.0, 4.0, 8.0]
    assert patience.stall_s(0.1) == 1.0
    assert patience.stall_s(30.0) == 120.0


def test_closing_cancels_what_waits_for_an_answer():
    server = Server(lambda number: ... if number else None)
    requests = in_flight(server.ask, PLAN, QUICK)
    next(requests)
    requests.close()
    assert all(future.cancelled() for future in itertools.islice(server.futures, 1, None))
