"""Clients that need no server."""

from concurrent.futures import Future
from typing import Any

from app.codec import Pixels
from app.errors import ServerError
from app.pipeline.requests import PATIENCE
from app.usage import Usage
from tests.support.served import TASK


class CountingClient:
    """It counts as Triton does: a request each time it is asked."""

    requests = 0

    def replica_usage(self):
        self.requests += 3
        return {"one": {TASK.name: Usage(requests=self.requests, queue_s=0.5, batches={1: self.requests})}}


class NearestClient(CountingClient):
    """It enlarges by repeating pixels, and can fail at a given tile.

    Args:
        expected: how many tiles are sent; the last of them are answered though fewer than can be in flight wait.
        fail_at: index of the tile that fails.
    """

    def __init__(self, expected: int = 1, fail_at: int | None = None):
        self.futures: list[tuple[Future[Pixels], Pixels]] = []
        self.most_waiting, self.expected, self.fail_at = 0, expected, fail_at

    def submit(self, network, pixels, descriptors):
        future: Future[Pixels] = Future()
        self.futures.append((future, pixels))
        waiting = [f for f, _ in self.futures if not f.done()]
        self.most_waiting = max(self.most_waiting, len(waiting))
        if len(waiting) == PATIENCE.in_flight or len(self.futures) == self.expected:
            for waiting_future, tile in self.futures:
                if not waiting_future.done():
                    self.answer(waiting_future, tile)
        return future

    def answer(self, future, tile):
        if self.fail_at is not None and self.futures[self.fail_at][0] is future:
            future.set_exception(ServerError("refused"))
        else:
            future.set_result(tile.repeat(2, 0).repeat(2, 1))


def finished(result):
    future: Future[Any] = Future()
    future.set_result(result)
    return future
