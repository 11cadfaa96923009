"""The committed model repository, read as Triton reads it, without a server."""

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from app.client import read_task
from din_model.export import CPU_SERVING, GPU_SERVING, REPOSITORY, config_text, max_tile_pixels
from din_model.fold import DTYPES
from din_model.loading import load_checkpoint
from din_model.tasks import TASKS
from tests.conftest import SHIPPED

OFFERED = {f"din_{name}": network for name, network in SHIPPED.items()}
VARIANTS = {"gpu": "config.pbtxt", "cpu": "configs/cpu.pbtxt"}


def parse(model, variant):
    text = (REPOSITORY / model / VARIANTS[variant]).read_text()
    return text_format.Parse(text, model_config_pb2.ModelConfig())


def test_exactly_what_has_weights_is_in_the_repository():
    assert {f"din_{task}" for task in TASKS} <= set(OFFERED)
    assert {p.name for p in REPOSITORY.glob("*/")} == set(OFFERED)


def tensor_of(io):
    name = model_config_pb2.DataType.Name(io.data_type)
    return io.name, name, list(io.dims), getattr(io, "optional", False)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("model", OFFERED)
def test_wire_contract(model, variant):
    config = parse(model, variant)
    assert (config.name, config.backend, config.platform) == (model, "pytorch", "pytorch_libtorch")
    assert [tensor_of(io) for io in config.input] == [
        ("lq", "TYPE_UINT8", [-1, -1, 3], False),
        ("attention", "TYPE_FP32", [-1], True),
        ("core", "TYPE_INT32", [4], True),
    ]
    assert [tensor_of(io) for io in config.output] == [
        ("restored", "TYPE_UINT8", [-1, -1, 3], False),
        ("attention", "TYPE_FP32", [-1], False),
    ]
    assert config.HasField("dynamic_batching")
    assert config.max_batch_size > 1
    (group,) = config.instance_group
    kinds = {"gpu": model_config_pb2.ModelInstanceGroup.KIND_GPU, "cpu": model_config_pb2.ModelInstanceGroup.KIND_CPU}
    assert group.kind == kinds[variant]


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("model", OFFERED)
def test_parameters_carry_what_the_page_needs(model, variant):
    name, preset = OFFERED[model]
    task, served = TASKS[name], read_task(parse(model, variant))
    assert (f"din_{served.name}", served.task, served.preset) == (model, name, preset)
    assert (served.label, served.scale, served.size_multiple) == (task.label, task.scale, task.stride)
    assert float(served.psnr) > float(served.baseline_psnr)
    assert served.tile**2 <= served.max_pixels == max_tile_pixels(task)
    assert served.attention_rounds == task.attention_rounds
    assert served.tile**2 <= served.whole_pixels <= served.max_pixels
    assert served.tile % task.stride == 0
    assert served.tile > 2 * served.overlap + served.size_multiple
    assert '"' not in task.label


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("model", OFFERED)
def test_committed_configurations_are_what_export_writes(model, variant):
    name, preset = OFFERED[model]
    # Which precision a machine exports in is its own affair; both files tell that of the one model.
    precision = parse(model, variant).parameters["precision"].string_value
    assert precision in DTYPES
    serving = CPU_SERVING if variant == "cpu" else GPU_SERVING
    written = config_text(model, TASKS[name], load_checkpoint(name, preset), serving, precision)
    assert (REPOSITORY / model / VARIANTS[variant]).read_text() == written
