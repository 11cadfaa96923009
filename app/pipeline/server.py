"""What the pipeline asks of a server: :class:`app.client.RestorationClient` is one."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from app.codec import Pixels
from app.tasks import Network, Task
from app.usage import ReplicaUsage

# The channel descriptors of a photo (Eq. 8 of the paper); their tensor's name on the wire is "attention".
Descriptors = NDArray[np.float32]
Core = tuple[int, int, int, int]  # (top, bottom, left, right) of a part of a tile


class Server(Protocol):
    """It restores tiles; :class:`app.client.RestorationClient` describes each method."""

    def task(self, name: str) -> Task:
        """Return the task of that name."""

    def replica_usage(self) -> ReplicaUsage:
        """Return the counters of each network, for each replica that responds."""

    def submit(self, network: Network, pixels: Pixels, descriptors: Descriptors | None = None) -> Future[Pixels]:
        """Send one photo or tile."""

    def descriptors(
        self, network: Network, pixels: Pixels, core: Core, previous: Descriptors | None = None
    ) -> Future[Descriptors]:
        """Request the channel descriptors of a part of a tile."""
