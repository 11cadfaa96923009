"""One network, four forms: eager = traced = saved and reloaded = served by Triton."""

import itertools

import numpy as np
import pytest
import torch
from tritonclient import grpc
from tritonclient.utils import np_to_triton_dtype

from din_model import load_model
from din_model.config import PRESETS
from din_model.data import to_image, to_tensor
from din_model.export import REPOSITORY, ServedDIN, ServedTiles, choose_dtype, max_tile_pixels, trace
from din_model.network import DIN
from din_model.tasks import TASKS
from tests.support.served import SHIPPED

CPU = torch.device("cpu")
SHAPES = [(1, 48, 48), (1, 1, 1), (1, 2, 3), (4, 7, 9), (1, 31, 57), (3, 16, 16), (2, 100, 13)]
# One task of each shape of network, with random weights: size rules do not depend on training.
SHAPED = {"sr_x2": "din_t", "sr_x3": "din_s", "sr_x8": "din_t", "derain_light": "din_64", "deblur": "din_64"}


def pixels(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3)).astype(np.uint8)


@pytest.fixture(autouse=True)
def one_thread():
    """Triton's instances have one thread each on two cores; sums are split by threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def randomised(name):
    torch.manual_seed(0)
    model = DIN(PRESETS[SHAPED[name]].for_task(TASKS[name].scale, TASKS[name].stride)).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.03)
    return model


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["fp32", "bf16"])
@pytest.mark.parametrize("name", SHAPED)
def test_traced_and_reloaded_equal_eager(name, dtype, tmp_path):
    eager = ServedDIN(randomised(name), dtype, max_tile_pixels(TASKS[name]))
    traced = trace(eager, CPU)
    path = tmp_path / "model.pt"
    traced.save(str(path))
    reloaded = torch.jit.load(path)
    for shape in SHAPES:
        lq = torch.tensor(pixels(shape))
        with torch.inference_mode():
            expected, ours, again = eager(lq), traced(lq), reloaded(lq)
        scale = TASKS[name].scale
        assert expected.shape == (shape[0], shape[1] * scale, shape[2] * scale, 3)
        # Freezing folds constants; in bfloat16 that moves a value across a rounding border now and then.
        assert (ours.int() - expected.int()).abs().max() <= 1
        assert (ours != expected).float().mean() < (0.05 if dtype == torch.bfloat16 else 0.001)
        with torch.inference_mode(), torch.jit.optimized_execution(False):
            assert torch.equal(reloaded(lq), again)


def ask(connection, model, **tensors):
    """The outputs of a server's response, by name."""
    given = []
    for name, value in tensors.items():
        given.append(grpc.InferInput(name, value.shape, np_to_triton_dtype(value.dtype)))
        given[-1].set_data_from_numpy(value)
    return connection.infer(model, given).as_numpy


@pytest.fixture
def connection(triton):
    with grpc.InferenceServerClient(triton.url) as connection:
        yield connection


@pytest.mark.parametrize("name", SHIPPED)
def test_served_equals_reloaded_to_the_bit(name, connection):
    reloaded = torch.jit.load(REPOSITORY / f"din_{name}" / "1" / "model.pt")
    for shape in SHAPES:
        if shape[0] > connection.get_model_config(f"din_{name}").config.max_batch_size:
            shape = (1, *shape[1:])
        lq = pixels(shape, seed=1)
        answer = ask(connection, f"din_{name}", lq=lq)
        with torch.inference_mode(), torch.jit.optimized_execution(False):
            restored = reloaded(torch.tensor(lq))
        assert np.array_equal(answer("restored"), restored.numpy()), shape


@pytest.mark.parametrize("name", [name for name, (task, _) in SHIPPED.items() if TASKS[task].descriptor_rounds])
def test_tiles_are_served_as_reloaded_to_the_bit_and_a_tile_alone_is_a_picture(name, connection):
    reloaded = torch.jit.load(REPOSITORY / f"din_{name}-tiles" / "1" / "model.pt")
    _, states, _ = connection.get_model_config(f"din_{name}-tiles").config.input
    own = np.full((1, *states.dims), np.nan, np.float32)
    lq, core = pixels((1, 40, 56)), np.array([[4, 36, 8, 56]], np.int32)
    given = None
    for attention in (own, np.zeros_like(own)):
        answer = ask(connection, f"din_{name}-tiles", lq=lq, attention=attention, core=core)
        with torch.inference_mode(), torch.jit.optimized_execution(False):
            restored, told = reloaded(*map(torch.tensor, (lq, attention, core)))
        assert np.array_equal(answer("restored"), restored.numpy())
        assert np.array_equal(answer("attention"), told.numpy())
        assert np.isfinite(answer("attention")).all()
        assert given is None or not np.array_equal(answer("attention"), given)  # other descriptors give others
        given = answer("attention")
    alone = ask(connection, f"din_{name}-tiles", lq=lq, attention=own, core=np.zeros_like(core))
    assert np.array_equal(alone("restored"), ask(connection, f"din_{name}", lq=lq)("restored"))
    assert np.isnan(alone("attention")).all()


@pytest.mark.parametrize("name", SHIPPED)
def test_served_precision_is_close_to_float32(name, client, small_photo):
    task = SHIPPED[name][0]
    (network,) = [network for network in client.task(task).networks if network.name == name]
    served = client.submit(network, small_photo).result()
    with torch.inference_mode():
        exact = to_image(load_model(*SHIPPED[name])(to_tensor(small_photo[None]))[0])
    error = np.mean((served.astype(float) - exact) ** 2)
    floor_db = 50 if choose_dtype("auto", CPU, TASKS[task]) == torch.bfloat16 else 60
    assert 10 * np.log10(255**2 / max(error, 1e-9)) > floor_db


@pytest.mark.parametrize("name", ["sr_x2", "deblur"])
def test_descriptors_work_the_same_traced(name):
    """A picture's own descriptors, given ones, a part of the picture, and a part with given ones."""
    eager = ServedTiles(randomised(name), torch.float32, max_tile_pixels(TASKS[name]))
    traced = trace(eager, CPU)
    lq, width = torch.tensor(pixels((2, 24, 36))), eager.model.descriptor_width
    own, given = torch.full((2, width), torch.nan), torch.linspace(-2, 2, 2 * width).view(2, -1)
    whole, part, no_core = (
        torch.tensor(core, dtype=torch.int32)
        for core in ([[0, 24, 0, 36]] * 2, [[4, 24, 0, 20], [0, 8, 8, 36]], [[0] * 4] * 2)
    )
    seen = []
    for inputs in ((own, whole), (own, part), (given, whole), (given, part), (given, no_core), (own, no_core)):
        with torch.inference_mode():
            (expected, states), (ours, our_states) = eager(lq, *inputs), traced(lq, *inputs)
        assert (ours.int() - expected.int()).abs().max() <= 1
        assert torch.allclose(our_states, states, atol=1e-5, equal_nan=True)
        seen.append(states)
    # What is found depends on where it is looked for and on what the nodes before use.
    assert all(not torch.equal(a, b) for a, b in itertools.combinations(seen[:4], 2))
    assert all(states.isnan().all() for states in seen[4:])


def test_the_graph_itself_refuses_what_is_too_large():
    limit = max_tile_pixels(TASKS["sr_x8"])
    traced = trace(ServedDIN(randomised("sr_x8"), torch.float32, limit), CPU)
    with pytest.raises(torch.jit.Error, match=f"lq has more than {limit} pixels: send tiles"):
        traced(torch.zeros(1, 1, limit + 1, 3, dtype=torch.uint8))
    with pytest.raises(torch.jit.Error, match="lq has no pixels"):
        traced(torch.zeros(1, 0, 5, 3, dtype=torch.uint8))
    with pytest.raises(torch.jit.Error, match="lq must be UINT8"):
        traced(torch.zeros(1, 5, 5, 4, dtype=torch.uint8))


def test_half_precision_that_overflows_is_refused_and_float32_is_not():
    model = randomised("derain_light")
    for parameter in model.parameters():
        parameter.data *= 20
    lq = torch.tensor(pixels((1, 16, 16)))
    with torch.inference_mode():
        with pytest.raises(torch.jit.Error, match="not finite"):
            trace(ServedDIN(model, torch.float16, 2**20), CPU)(lq)
        restored = trace(ServedDIN(model, torch.float32, 2**20), CPU)(lq)
    assert restored.shape == lq.shape
