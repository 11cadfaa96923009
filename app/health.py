"""The check of a Triton: it has to restore a tiny photo, for it may answer while its networks do not."""

from __future__ import annotations

import time

import numpy as np

from app.client import RestorationClient
from app.errors import ServerUnavailableError

PROBE_TIMEOUT_S = 8.0
PROBE_PHOTO = np.full((8, 8, 3), 128, np.uint8)


def probe(client: RestorationClient) -> str:
    """Restore a small photo with the first task's fastest network, which a page has warmed up.

    Returns:
        A sentence with the task and the time.

    Raises:
        ServerError: the photo was not restored; the message gives the reason.
    """
    started = time.monotonic()
    task = next(iter(client.tasks().values()), None)
    if task is None:
        raise ServerUnavailableError("Triton serves no task.")
    answer = client.submit(task.network(), PROBE_PHOTO)
    try:
        answer.result(PROBE_TIMEOUT_S)
    except TimeoutError:
        answer.cancel()
        raise ServerUnavailableError(f"Triton did not restore a tiny picture within {PROBE_TIMEOUT_S:.0f} s.") from None
    return f"Triton restored a tiny picture ({task.name}) in {time.monotonic() - started:.2f} s."
