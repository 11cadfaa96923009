"""A request that goes to one address after the other until one of them responds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from functools import partial
from typing import Any, Generic, TypeVar

from tritonclient import grpc as triton
from tritonclient.utils import InferenceServerException

from app.client.channels import Channel
from app.client.explain import is_away
from app.errors import RestorationError

T = TypeVar("T")
Deliver = Callable[..., None]  # called with ``result`` and ``error``, one of which is None


class Request(Generic[T]):
    """A request of which :attr:`future` has the result. Cancelling the future cancels the request.

    Args:
        channels: to try in this order; at least one.
        send: sends the request through a channel, hands the response to the second argument, and returns a call that
            can be cancelled. It may raise a RestorationError.
        read: returns the result in a response.
        explain: returns the error to raise for one of Triton's.

    Attributes:
        future: of the result.
    """

    def __init__(
        self,
        channels: Iterable[Channel],
        send: Callable[[Channel, Deliver], Any],
        read: Callable[[triton.InferResult | None], T],
        explain: Callable[[InferenceServerException], RestorationError],
    ) -> None:
        self.future: Future[T] = Future()
        self._channels = list(channels)
        self._send, self._read, self._explain = send, read, explain
        self._calls: list[Any] = []
        self.future.add_done_callback(partial(end_calls, self._calls))
        self._send_next()

    def _send_next(self) -> None:
        """Send the request through the next channel."""
        self._calls.append(self._send(self._channels.pop(0), self._deliver))
        if self.future.done():  # it may have been cancelled when there was no such call yet
            end_calls(self._calls, self.future)

    def _deliver(self, result: triton.InferResult | None, error: InferenceServerException | None) -> None:
        """Take the response to a call; called in a thread of gRPC's."""
        try:
            if error is not None and is_away(error) and self._channels and not self.future.cancelled():
                self._send_next()
                return
        except Exception as problem:  # such as a deadline that is over: it fails the future, which somebody waits for
            self._end(problem)
            return
        if error is not None:
            self._end(self._explain(error))
            return
        try:
            answer = self._read(result)
        except Exception as problem:  # a malformed response must fail the future, or its owner would wait forever
            self._end(problem)
            return
        if self.future.set_running_or_notify_cancel():
            self.future.set_result(answer)

    def _end(self, problem: Exception) -> None:
        """Fail the future; a cancelled one stays cancelled."""
        if self.future.set_running_or_notify_cancel():
            self.future.set_exception(problem)


def end_calls(calls: list[Any], future: Future[Any]) -> None:
    """Cancel the calls of a cancelled future, and forget those of any that is done.

    A call leads back to the future: kept there, it would keep the pixels of both in memory until Python looks for
    cycles, which it seldom does.
    """
    if future.cancelled():
        for call in list(calls):
            call.cancel()
    calls.clear()
