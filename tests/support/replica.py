"""A server of Triton's protocol that needs no network and no weights: it enlarges by repeating pixels."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import grpc
import numpy as np
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.grpc.model_config_pb2 import ModelConfig, ModelInstanceGroup

TASK, SCALE, TILE = "sr_x2", 2, 32


def exported(task: str, preset: str, *, is_fastest: bool, mult_adds: int, **other: str) -> ModelConfig:
    """The configuration of a network as `din export` writes it."""
    parameters = {
        **dict.fromkeys(("label", "family", "family_label", "variant", "degradation", "metric"), "text"),
        **dict.fromkeys(("psnr", "baseline_psnr", "evaluated_on"), ""),
        **dict.fromkeys(("size_multiple", "tile", "overlap", "whole_pixels", "max_pixels", "scale"), "1"),
        **dict.fromkeys(("attention_rounds", "attention_width", "order"), "0"),
        **{"task": task, "preset": preset, "precision": "fp32", "mult_adds_per_pixel": str(mult_adds)},
        **other,
    }
    config = ModelConfig(name=f"din_{task}" if is_fastest else f"din_{task}-{preset}")
    config.instance_group.add(kind=ModelInstanceGroup.KIND_CPU, count=1)
    for name, value in parameters.items():
        config.parameters[name].string_value = value
    return config


SIZES = {"tile": str(TILE), "overlap": "4", "whole_pixels": "1024", "max_pixels": "4096", "scale": str(SCALE)}
CONFIG = exported(TASK, "din_t", is_fastest=True, mult_adds=1, **SIZES)


@dataclass
class Replica(service_pb2_grpc.GRPCInferenceServiceServicer):
    """What it does, and what it has seen.

    Attributes:
        before: called with the number of each inference and its call, before it is answered; it may wait or abort.
        address: ``127.0.0.1:PORT``.
        inferences: how many have come.
        headers: of the latest call of any kind.
        ended: set when a call that waited has ended, because it was cancelled or late.
    """

    before: Callable[[int, grpc.ServicerContext], None] = lambda number, call: None
    address: str = ""
    inferences: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    ended: threading.Event = field(default_factory=threading.Event)

    def hold(self, number: int, call: grpc.ServicerContext) -> None:
        """Do not answer until the call is over."""
        over = threading.Event()
        if call.add_callback(over.set):  # else it is over already
            over.wait(60)
        self.ended.set()

    def note(self, call: grpc.ServicerContext) -> None:
        self.headers = dict(call.invocation_metadata())

    def ServerLive(self, request, call):
        self.note(call)
        return service_pb2.ServerLiveResponse(live=True)

    def RepositoryIndex(self, request, call):
        self.note(call)
        index = service_pb2.RepositoryIndexResponse()
        index.models.add(name=CONFIG.name, version="1", state="READY")
        return index

    def ModelConfig(self, request, call):
        self.note(call)
        return service_pb2.ModelConfigResponse(config=CONFIG)

    def ModelStatistics(self, request, call):
        self.note(call)
        statistics = service_pb2.ModelStatisticsResponse()
        model = statistics.model_stats.add(name=CONFIG.name)
        model.inference_stats.success.count = self.inferences
        return statistics

    def ModelInfer(self, request, call):
        self.note(call)
        self.inferences += 1
        if request.model_name != CONFIG.name:
            call.abort(grpc.StatusCode.NOT_FOUND, f"Request for unknown model: '{request.model_name}' is not found")
        self.before(self.inferences, call)
        (tensor,) = request.inputs
        pixels = np.frombuffer(request.raw_input_contents[0], np.uint8).reshape(tensor.shape)
        restored = pixels.repeat(SCALE, 1).repeat(SCALE, 2)
        response = service_pb2.ModelInferResponse(model_name=request.model_name)
        response.outputs.add(name="restored", datatype="UINT8", shape=restored.shape)
        response.raw_output_contents.append(restored.tobytes())
        return response


@contextlib.contextmanager
def serving(
    replica: Replica, credentials: grpc.ServerCredentials | None = None, address: str = "127.0.0.1:0"
) -> Iterator[Replica]:
    """Serve a replica on a port of its own until the end of the context."""
    server = grpc.server(ThreadPoolExecutor(32), options=[("grpc.so_reuseport", 0)])
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(replica, server)
    host = address.rpartition(":")[0]
    port = server.add_secure_port(address, credentials) if credentials else server.add_insecure_port(address)
    replica.address = f"{host}:{port}"
    server.start()
    try:
        yield replica
    finally:
        server.stop(grace=None).wait()
