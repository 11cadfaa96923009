"""Triton's inference statistics of one or several replicas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.tasks import MODEL_PREFIX, network_of


@dataclass(frozen=True)
class Usage:
    """Counters of a network's models since the server started.

    Attributes:
        requests, failures: numbers of successful and failed requests.
        queue_s, compute_s: total time of the successful requests in the queue and in computation.
        batches: number of executed batches by batch size.
    """

    requests: int = 0
    failures: int = 0
    queue_s: float = 0.0
    compute_s: float = 0.0
    batches: Mapping[int, int] = field(default_factory=dict)

    def __add__(self, other: Usage) -> Usage:
        return self._combine(other, 1)

    def __sub__(self, earlier: Usage) -> Usage:
        return self._combine(earlier, -1)

    def _combine(self, other: Usage, sign: int) -> Usage:
        sizes = self.batches.keys() | other.batches.keys()
        batches = {size: self.batches.get(size, 0) + sign * other.batches.get(size, 0) for size in sizes}
        return Usage(
            self.requests + sign * other.requests,
            self.failures + sign * other.failures,
            self.queue_s + sign * other.queue_s,
            self.compute_s + sign * other.compute_s,
            {size: count for size, count in sorted(batches.items()) if count},
        )


ReplicaUsage = Mapping[str, Mapping[str, Usage]]  # by address of the replica and name of the network


def usage_between(opening: ReplicaUsage, closing: ReplicaUsage, network: str) -> Usage | None:
    """Return a network's usage on all replicas between two readings.

    Returns:
        None if it is unknown: a replica did not respond at one of the readings, or restarted in between.
    """
    if not opening or opening.keys() != closing.keys():
        return None
    total = Usage()
    for address, counted in closing.items():
        used = counted.get(network, Usage()) - opening[address].get(network, Usage())
        if min(used.requests, used.failures, used.queue_s, used.compute_s, *used.batches.values()) < 0:
            return None
        total += used
    return total


def read_usage(statistics: Any) -> dict[str, Usage]:
    """Return the counters of each network, summed over its models, from Triton's response to a statistics request."""
    usage: dict[str, Usage] = {}
    for model in statistics.model_stats:
        if model.name.startswith(MODEL_PREFIX):
            counted = model.inference_stats
            used = Usage(
                requests=int(counted.success.count),
                failures=int(counted.fail.count),
                queue_s=counted.queue.ns / 1e9,
                compute_s=(counted.compute_input.ns + counted.compute_infer.ns + counted.compute_output.ns) / 1e9,
                batches={int(b.batch_size): int(b.compute_infer.count) for b in model.batch_stats},
            )
            name = network_of(model.name)
            usage[name] = usage.get(name, Usage()) + used
    return usage
