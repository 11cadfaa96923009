"""The export command: its output, and its errors for wrong weights."""

import json
from dataclasses import replace

import pytest
import torch
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from din_model import DIN, PRESETS, TASKS, export, loading
from din_model.checkpoint import Checkpoint, save_weights
from din_model.export import choose_device, choose_dtype, config_texts, main, max_tile_pixels, served_models
from din_model.judge import load_judge
from din_model.scores import Results
from imaging.look import SIDE, SQUARES


@pytest.fixture
def weights(tmp_path):
    config = PRESETS["din_t"].for_task(1, 4)
    path = tmp_path / "w.safetensors"
    save_weights(path, DIN(config).state_dict(), config, "deblur", "din_t", {"psnr": "27.0", "baseline_psnr": "26.0"})
    return path


def test_a_task_becomes_a_model_folder(weights, tmp_path, capsys):
    repository = tmp_path / "repository"
    options = ["--task", "deblur", "--weights", str(weights), "--repository", str(repository)]
    assert main([*options, "--device", "cpu", "--precision", "fp32"]) == 0
    files = {str(p.relative_to(repository)) for p in repository.rglob("*") if p.is_file()}
    per_model = ("1/model.pt", "config.pbtxt", "configs/cpu.pbtxt")
    assert files == {f"{model}/{file}" for model in ("din_deblur", "din_deblur-tiles") for file in per_model}
    model = torch.jit.load(repository / "din_deblur/1/model.pt")
    photo = torch.randint(0, 256, (1, 6, 7, 3), dtype=torch.uint8)
    assert torch.equal(model(photo), photo)  # untrained, a network of scale 1 changes nothing
    assert "din_t, cpu, float32" in capsys.readouterr().out
    for name in ("config.pbtxt", "configs/cpu.pbtxt"):
        text = (repository / "din_deblur" / name).read_text()
        assert 'key: "precision" value { string_value: "fp32" }' in text


def test_any_text_survives_the_configuration(tmp_path):
    config = PRESETS["din_t"].for_task(1, 4)
    text = "a \"quoted\" \\ path,\nanother line, '†' and {json: [1]}"
    checkpoint = Checkpoint(DIN(config), "deblur", "din_t", {"training": text})
    served = served_models("din_x", TASKS["deblur"], checkpoint, torch.float32)["din_x"]
    for written in config_texts("din_x", served, TASKS["deblur"], checkpoint, Results()).values():
        parameters = text_format.Parse(written, model_config_pb2.ModelConfig()).parameters
        assert parameters["training"].string_value == text
        assert parameters["licence"].string_value == ""


def test_weights_of_another_file_do_not_claim_the_scores_of_the_shipped_ones(weights, tmp_path):
    options = ["--task", "deblur", "--weights", str(weights), "--repository", str(tmp_path)]
    assert main([*options, "--device", "cpu", "--precision", "fp32"]) == 0
    text = (tmp_path / "din_deblur/config.pbtxt").read_text()
    results = json.loads(text_format.Parse(text, model_config_pb2.ModelConfig()).parameters["results"].string_value)
    assert results["measured"] == {}
    assert results["paper"]["DIN (paper)"]["GoPro"] == [30.43, 0.938]


def test_missing_and_damaged_weights_are_one_sentence(weights, tmp_path, capsys):
    repository = ["--repository", str(tmp_path / "repository")]
    assert main(["--task", "deblur", "--preset", "din", *repository]) == 2
    assert capsys.readouterr().err.startswith("error: no weights of deblur (preset din)")
    weights.write_bytes(weights.read_bytes()[:5000])
    assert main(["--task", "deblur", "--weights", str(weights), *repository]) == 2
    assert "w.safetensors are damaged or not DIN's" in capsys.readouterr().err
    assert not (tmp_path / "repository").exists()


def test_an_ablation_is_one_sentence(tmp_path, capsys):
    config = replace(PRESETS["din_t"].for_task(1, 4), fusion="sum")
    path = tmp_path / "w.safetensors"
    save_weights(path, DIN(config).state_dict(), config, "deblur", "din_t", {})
    assert main(["--task", "deblur", "--weights", str(path), "--repository", str(tmp_path / "repository")]) == 2
    assert "error: a network with fusion='sum' is an ablation" in capsys.readouterr().err
    assert not list(tmp_path.rglob("model.pt"))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_numbers_are_one_sentence(value, tmp_path, capsys):
    config = PRESETS["din_t"].for_task(1, 4)
    model = DIN(config)
    model.get_parameter("branches.0.0.conv.bias").data[0] = value
    path = tmp_path / "w.safetensors"
    save_weights(path, model.state_dict(), config, "deblur", "din_t", {})
    assert main(["--task", "deblur", "--weights", str(path), "--repository", str(tmp_path / "repository")]) == 2
    assert "the network's result is not finite" in capsys.readouterr().err
    assert not list(tmp_path.rglob("model.pt"))


def test_without_any_weights_there_is_nothing_to_export(monkeypatch, capsys):
    monkeypatch.setattr(export, "shipped_weights", lambda task, preset: None)
    assert main([]) == 2
    assert capsys.readouterr().err == "error: no weights are shipped: train a task first\n"


def test_one_weights_file_goes_with_one_task(weights, capsys):
    with pytest.raises(SystemExit):
        main(["--weights", str(weights)])
    assert "--weights goes with one --task" in capsys.readouterr().err


def test_precision_follows_the_device(monkeypatch):
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    rain, haze = TASKS["derain_light"], TASKS["dehaze_indoor"]
    assert choose_dtype("auto", gpu, haze) == torch.float16
    for has_bf16, expected in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(export, "cpu_computes_bf16", lambda has_bf16=has_bf16: has_bf16)
        assert choose_dtype("auto", cpu, rain) == expected
        assert choose_dtype("auto", cpu, haze) == torch.float32
        assert choose_dtype("fp32", cpu, rain) == torch.float32
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


def test_pixel_limits_bound_input_and_output():
    assert {name: max_tile_pixels(TASKS[name]) for name in ("sr_x2", "sr_x4", "sr_x8", "deblur")} == {
        "sr_x2": 2**20,
        "sr_x4": 2**18,
        "sr_x8": 2**16,
        "deblur": 2**21,
    }


def test_every_shipped_preset_becomes_a_model_and_the_fastest_has_the_tasks_name(monkeypatch, tmp_path, capsys):
    for preset in ("din_t", "din_s"):
        config = PRESETS[preset].for_task(2, 1)
        save_weights(tmp_path / f"sr_x2-{preset}.safetensors", DIN(config).state_dict(), config, "sr_x2", preset, {})
    monkeypatch.setattr(loading, "WEIGHTS", tmp_path)
    repository = tmp_path / "repository"
    assert main(["--repository", str(repository), "--device", "cpu", "--precision", "fp32"]) == 0
    assert {path.name for path in repository.iterdir()} == {"din_sr_x2", "din_sr_x2-din_s", "judge"}
    for name, preset in (("din_sr_x2", "din_t"), ("din_sr_x2-din_s", "din_s")):
        text = (repository / name / "config.pbtxt").read_text()
        assert f'name: "{name}"' in text
        assert 'key: "task" value { string_value: "sr_x2" }' in text
        assert f'key: "preset" value {{ string_value: "{preset}" }}' in text
    alone = tmp_path / "alone"
    assert main(["--preset", "din_s", "--repository", str(alone), "--device", "cpu", "--precision", "fp32"]) == 0
    assert {path.name for path in alone.iterdir()} == {"din_sr_x2"}
    without_judge = tmp_path / "without_judge"
    monkeypatch.setattr("din_model.judge.JUDGE_WEIGHTS", tmp_path / "judge.safetensors")
    assert main(["--repository", str(without_judge), "--device", "cpu", "--precision", "fp32"]) == 0
    assert {path.name for path in without_judge.iterdir()} == {"din_sr_x2", "din_sr_x2-din_s"}
    assert main(["--task", "sr_x8", "--repository", str(alone)]) == 2
    assert "no weights of sr_x8 (any preset) are shipped" in capsys.readouterr().err


def test_the_judge_becomes_a_model_with_its_probabilities(tmp_path, capsys):
    assert main(["--task", "judge", "--repository", str(tmp_path), "--device", "cpu"]) == 0
    files = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {"judge/1/model.pt", "judge/config.pbtxt", "judge/configs/cpu.pbtxt"}
    model = torch.jit.load(tmp_path / "judge/1/model.pt")
    for batch in (1, 3):  # traced with one photo, it serves any number
        squares = torch.randint(0, 256, (batch, SQUARES, SIDE, SIDE, 3), dtype=torch.uint8)
        size = torch.full((batch, 2), 500, dtype=torch.int32)
        expected = load_judge().probabilities(squares[:, :-1], squares[:, -1], size)
        assert torch.allclose(model(squares, size), expected, atol=1e-5)
    with pytest.raises(SystemExit):
        main(["--task", "judge", "--weights", "w.safetensors", "--repository", str(tmp_path)])
    assert "--weights goes with one --task" in capsys.readouterr().err


def test_a_judge_without_weights_is_one_sentence(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("din_model.export_judge.JUDGE_WEIGHTS", tmp_path / "judge.safetensors")
    assert main(["--task", "judge", "--repository", str(tmp_path), "--device", "cpu"]) == 2
    assert "there are no weights at" in capsys.readouterr().err
