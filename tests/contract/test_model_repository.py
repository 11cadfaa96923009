"""The committed model repository, read as Triton and its LibTorch backend read it, without a server."""

import json

import pytest
import torch
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from app.client import Priority
from app.judgement import read_kinds
from app.tasks import read_network, read_task
from din_model.checkpoint import JUDGE
from din_model.export import REPOSITORY, STATED, TILES_SUFFIX, config_texts, max_tile_pixels, served_models
from din_model.export_judge import REQUEST_BYTES, judge_configs
from din_model.fold import DTYPES
from din_model.judge import KINDS
from din_model.loading import load_checkpoint
from din_model.network import count_parameters
from din_model.scores import read_results
from din_model.tasks import TASKS
from imaging.look import SIDE, SQUARES
from tests.support.served import SHIPPED

OFFERED = {f"din_{name}": network for name, network in SHIPPED.items()}
TILES = {f"{model}{TILES_SUFFIX}": model for model, (task, _) in OFFERED.items() if TASKS[task].descriptor_rounds}
MODELS = [*OFFERED, *TILES]
VARIANTS = {"gpu": "config.pbtxt", "cpu": "configs/cpu.pbtxt"}
DTYPE = {"TYPE_UINT8": torch.uint8, "TYPE_FP32": torch.float32, "TYPE_INT32": torch.int32}
# What LibTorch's backend knows of and does no harm; INTER_OP_THREAD_COUNT on a second model ends the whole server.
LIBTORCH_PARAMETERS = {"DISABLE_OPTIMIZED_EXECUTION": "true"}
SMALL_MACHINE_BYTES = 16 * 2**30


def network_of(model):
    """The task and preset that a model belongs to."""
    return OFFERED[TILES.get(model, model)]


def parse(model, variant):
    text = (REPOSITORY / model / VARIANTS[variant]).read_text()
    return text_format.Parse(text, model_config_pb2.ModelConfig())


def test_exactly_what_has_weights_is_in_the_repository():
    assert {f"din_{task}" for task in TASKS} <= set(OFFERED)
    assert {p.name for p in REPOSITORY.glob("*/")} == {*MODELS, JUDGE}


def tensor_of(io):
    return io.name, model_config_pb2.DataType.Name(io.data_type), list(io.dims)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("model", OFFERED)
def test_a_picture_goes_in_and_a_picture_comes_out(model, variant):
    config = parse(model, variant)
    assert [tensor_of(io) for io in config.input] == [("lq", "TYPE_UINT8", [-1, -1, 3])]
    assert [tensor_of(io) for io in config.output] == [("restored", "TYPE_UINT8", [-1, -1, 3])]


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("model", TILES)
def test_tiles_go_in_with_the_descriptors_of_their_photo(model, variant):
    config = parse(model, variant)
    states = ("attention", "TYPE_FP32", [read_network(parse(TILES[model], variant)).descriptor_width])
    assert states[2][0] > 0
    assert [tensor_of(io) for io in config.input] == [
        ("lq", "TYPE_UINT8", [-1, -1, 3]), states, ("core", "TYPE_INT32", [4])
    ]  # fmt: skip
    assert [tensor_of(io) for io in config.output] == [("restored", "TYPE_UINT8", [-1, -1, 3]), states]


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_judge_takes_squares_and_a_size_and_answers_with_probabilities(variant):
    config = parse(JUDGE, variant)
    assert [tensor_of(io) for io in config.input] == [
        ("squares", "TYPE_UINT8", [SQUARES, SIDE, SIDE, 3]), ("size", "TYPE_INT32", [2])
    ]  # fmt: skip
    assert [tensor_of(io) for io in config.output] == [("probabilities", "TYPE_FP32", [len(KINDS)])]
    assert read_kinds(config) == {kind.name: list(kind.tasks) for kind in KINDS}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("model", [*MODELS, JUDGE])
def test_nothing_that_libtorch_refuses_is_asked_of_it(model, variant):
    config = parse(model, variant)
    assert (config.name, config.backend, config.platform) == (model, "pytorch", "pytorch_libtorch")
    assert not any(tensor.optional for tensor in config.input)
    of_libtorch = {key: value.string_value for key, value in config.parameters.items() if key.isupper()}
    assert of_libtorch == LIBTORCH_PARAMETERS
    (group,) = config.instance_group
    kinds = {"gpu": model_config_pb2.ModelInstanceGroup.KIND_GPU, "cpu": model_config_pb2.ModelInstanceGroup.KIND_CPU}
    assert group.kind == kinds[variant]


@pytest.mark.parametrize("model", [*MODELS, JUDGE])
def test_libtorch_finds_every_input_by_name_and_every_output_by_order(model):
    """Inputs are matched by the names of forward's arguments, all tensors; outputs by their place in the config."""
    config = parse(model, "cpu")
    network = torch.jit.load(REPOSITORY / model / "1" / "model.pt")
    _, *arguments = network.forward.schema.arguments
    assert [argument.name for argument in arguments] == [tensor.name for tensor in config.input]
    assert all(isinstance(argument.type, torch.TensorType) and not argument.has_default_value()
               for argument in arguments)  # fmt: skip
    given = [torch.zeros(2, *(5 if n < 0 else n for n in tensor.dims),
                         dtype=DTYPE[model_config_pb2.DataType.Name(tensor.data_type)])
             for tensor in config.input]  # fmt: skip
    with torch.inference_mode():
        answer = network(*given)
    outputs = answer if isinstance(answer, tuple) else (answer,)
    scale = 1 if model == JUDGE else TASKS[network_of(model)[0]].scale
    for tensor, output in zip(config.output, outputs, strict=True):
        assert output.dtype == DTYPE[model_config_pb2.DataType.Name(tensor.data_type)]
        assert list(output.shape) == [2, *(5 * scale if n < 0 else n for n in tensor.dims)]


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_machine_of_16_gb_survives_full_queues(variant):
    waiting_bytes = 0
    for model in [*MODELS, JUDGE]:
        config = parse(model, variant)
        queues = config.dynamic_batching
        assert set(queues.priority_queue_policy) == set(Priority)
        assert queues.default_priority_level == max(Priority)  # who says nothing does not go before a visitor
        of_picture = REQUEST_BYTES if model == JUDGE else max_tile_pixels(TASKS[network_of(model)[0]]) * 3
        largest_request = config.max_batch_size * of_picture
        for policy in queues.priority_queue_policy.values():
            assert policy.max_queue_size >= max(config.max_batch_size, 16)  # a batch; the tiles of two photos
            assert policy.timeout_action == model_config_pb2.ModelQueuePolicy.REJECT
            assert 10 <= policy.default_timeout_microseconds / 1e6 <= 600
            waiting_bytes += policy.max_queue_size * largest_request
    assert waiting_bytes < 0.6 * SMALL_MACHINE_BYTES  # the networks, all in use, take 5 GB


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("model", OFFERED)
def test_parameters_carry_what_the_page_needs(model, variant):
    name, preset = OFFERED[model]
    task, config = TASKS[name], parse(model, variant)
    served, offered = read_network(config), read_task(config)
    assert (served.model, offered.name, served.preset) == (model, name, preset)
    assert served.tiles_model == (f"{model}{TILES_SUFFIX}" if task.descriptor_rounds else model)
    assert (offered.scale, served.scale) == (task.scale, task.scale)
    texts = (offered.label, offered.family, offered.family_label, offered.variant)
    assert texts == (task.label, task.family.name, task.family.label, task.variant)
    assert served.size_multiple == task.stride
    assert float(served.psnr) > float(served.baseline_psnr)
    assert served.tile**2 <= served.max_pixels == max_tile_pixels(task)
    assert served.descriptor_rounds == task.descriptor_rounds
    assert served.tile**2 <= served.whole_pixels <= served.max_pixels
    assert served.tile % task.stride == 0
    assert served.tile > 2 * served.overlap + served.size_multiple


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("model", OFFERED)
def test_parameters_carry_what_the_weights_state(model, variant):
    name, preset = OFFERED[model]
    parameters = {key: value.string_value for key, value in parse(model, variant).parameters.items()}
    checkpoint = load_checkpoint(name, preset)
    assert parameters["parameters"] == str(count_parameters(checkpoint.model))
    for fact in STATED:
        assert parameters[fact] == checkpoint.card[fact] != "", fact
    results = json.loads(parameters["results"])
    assert results == json.loads(read_results(name).as_json())
    psnr = [scores[parameters["evaluated_on"]][0] for scores in results["measured"].values()]
    assert psnr[0] == pytest.approx(float(parameters["baseline_psnr"]), abs=0.011)
    assert pytest.approx(float(parameters["psnr"]), abs=0.011) in psnr


@pytest.mark.parametrize("model", OFFERED)
def test_committed_configurations_are_what_export_writes(model):
    name, preset = OFFERED[model]
    # Which precision a machine exports in is its own affair; both files tell that of the one model.
    precision = parse(model, "cpu").parameters["precision"].string_value
    checkpoint, results = load_checkpoint(name, preset), read_results(name)
    for written, served in served_models(model, TASKS[name], checkpoint, DTYPES[precision]).items():
        for path, text in config_texts(written, served, TASKS[name], checkpoint, results).items():
            assert (REPOSITORY / written / path).read_text() == text


def test_the_committed_configurations_of_the_judge_are_what_export_writes():
    for path, text in judge_configs().items():
        assert (REPOSITORY / JUDGE / path).read_text() == text
