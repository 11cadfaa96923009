"""The tables of docs/results.md, the scores on file, and the ablations."""

import json
from dataclasses import replace

import numpy as np
import pytest
import skimage.data
from accelerate.state import AcceleratorState
from PIL import Image

from din_model import PRESETS, TASKS, ablations, config
from din_model.config import DINConfig
from din_model.network import DIN, count_mult_adds, count_parameters
from din_model.results import SETS, ScoredSet, main, read_sets, table
from din_model.scores import PAPER, Results, read_results


@pytest.fixture
def data(tmp_path):
    for folder in ("Set5/hr", "rain/gt", "rain/input"):
        (tmp_path / folder).mkdir(parents=True)
    photo = skimage.data.astronaut()[:120, 100:240]
    Image.fromarray(photo).save(tmp_path / "Set5/hr/astronaut.png")
    Image.fromarray(photo).save(tmp_path / "rain/gt/1.png")
    noise = np.random.default_rng(0).normal(0, 9, photo.shape)
    Image.fromarray((photo + noise).clip(0, 255).astype(np.uint8)).save(tmp_path / "rain/input/1.png")
    (tmp_path / "sets.toml").write_text(
        '[sr_x4]\nSet5 = { data = "Set5/hr" }\n'
        '[derain_light]\nRain100L = { data = "pairs:rain", note = "1 pair" }\nOther = { data = "Set5/hr" }\n'
    )
    return tmp_path


def test_tables_hold_the_paper_s_rows_and_ours(data, capsys):
    out, stored = data / "results.md", data / "results.json"
    assert main([str(data / "sets.toml"), "--root", str(data), "--out", str(out), "--json", str(stored)]) == 0
    figures = json.loads(stored.read_text())
    bicubic = figures["sr_x4"]["bicubic"]["Set5"]
    ours = [f"{form}, {preset} †" for preset in ("din_64", "din_96") for form in ("DIN", "DIN+")]
    assert list(figures["sr_x4"]) == ["bicubic", *ours]
    assert figures["sr_x4"]["DIN, din_64 †"]["Set5"][0] > figures["sr_x4"]["bicubic"]["Set5"][0]
    assert list(figures["derain_light"]) == ["untouched", "DIN, din_64 †"]
    text = out.read_text()
    assert "## Enlarge 4× (`sr_x4`)\n\nMeasured on luma, 4 border pixels cut." in text
    assert "| DIN (paper) | 32.72 / 0.9011 |" in text
    psnr, ssim = figures["derain_light"]["untouched"]["Rain100L (1 pair)"]
    other_psnr, other_ssim = figures["derain_light"]["untouched"]["Other"]
    assert f"| untouched | {psnr:.2f} / {ssim:.4f} | {other_psnr:.2f} / {other_ssim:.4f} |" in text
    assert "| JORDER | 36.61 / 0.9740 |  |" in text  # nothing of the paper's for a set of our own
    assert "derain_light: Rain100L (1 pair), 1 photos" in capsys.readouterr().out
    figures["sr_x4"]["bicubic"]["Set5"] = [1.0, 0.5]
    stored.write_text(json.dumps(figures))
    options = ["--root", str(data), "--out", str(out), "--json", str(stored), "--task", "derain_light"]
    assert main([str(data / "sets.toml"), *options]) == 0
    assert out.read_text().replace("1.00 / 0.5000", "{:.2f} / {:.4f}".format(*bicubic)) == text  # only that one anew


def test_mistakes_are_one_sentence(data, capsys):
    sets, run = (
        data / "sets.toml",
        ["--root", str(data), "--out", str(data / "out.md"), "--json", str(data / "out.json")],
    )
    assert main([str(data / "none.toml"), *run]) == 2
    assert main([str(sets), *run, "--task", "deblur"]) == 2
    for text in ("[sr_x5]\nSet5 = { data = 'x' }", "[sr_x4]\nSet5 = { note = 'x' }", "nonsense"):
        sets.write_text(text)
        assert main([str(sets), *run]) == 2
    errors = capsys.readouterr().err.strip().splitlines()
    said = ["none.toml", "names no set for deblur", "sr_x5, which is no task", "Set5 does not say where", "is not TOML"]
    assert len(errors) == len(said)
    assert all(e.startswith("error: ") and s in e for e, s in zip(errors, said, strict=True))
    assert not (data / "out.md").exists()
    assert not (data / "out.json").exists()


def test_the_project_s_own_sets_cover_every_task(tmp_path):
    sets = read_sets(SETS, tmp_path)
    assert set(sets) == set(TASKS)
    assert sets["derain_light"][0].data == f"pairs:{tmp_path / 'eval/Rain100L'}"


def test_the_paper_s_tables_are_whole():
    tables = json.loads(PAPER.read_text())
    assert set(tables) == set(TASKS)
    # One figure of each of Tables 3-7, and no value that is none.
    assert tables["sr_x8"]["Manga109"]["DIN+ (paper)"] == [25.60, 0.8092]
    assert tables["sr_x3_dn"]["Set14"]["IRCNN"] == [24.45, 0.6305]
    assert tables["deblur"]["HIDE II"]["DIN (paper)"] == [28.00, 0.902]
    assert tables["derain_heavy"]["Rain100H"]["Rainy input"] == [13.56, 0.379]
    assert tables["dehaze_indoor"]["SOTS indoor"]["DCP"] == [16.62, 0.8179]
    for sets in tables.values():
        for methods in sets.values():
            assert all(10 < psnr < 45 and 0 < ssim < 1 for psnr, ssim in methods.values())


def test_results_are_compact_and_rounded_json():
    text = Results({"A": {"Set5": (30.126, 0.91234)}}, {"DIN †": {}}).as_json()
    assert text == '{"paper":{"A":{"Set5":[30.13,0.9123]}},"measured":{"DIN †":{}}}'
    shipped = read_results("sr_x4")
    assert shipped.paper["DIN+ (paper)"]["Set5"] == (32.76, 0.9016)
    assert "DIN, din_64 †" in shipped.measured


def test_a_table_leaves_unknown_figures_empty():
    assert table({"a": {"y": (30.0, 0.9)}}, [ScoredSet("x", ""), ScoredSet("y", "")]).splitlines() == [
        "| method | x | y |",
        "|---|---|---|",
        "| a |  | 30.00 / 0.9000 |",
    ]


def test_ablations_print_a_row_for_every_network(tmp_path, monkeypatch, capsys):
    AcceleratorState._reset_state(reset_partial_state=True)  # as in a process of its own
    tiny = DINConfig(channels=8, growth=4, branches=2, wrdbs=2, rdbs=1, convs=3, tail="single")
    monkeypatch.setitem(config.PRESETS, "din_64", tiny)
    Image.fromarray(skimage.data.astronaut()[:64, 100:180]).save(tmp_path / "a.png")
    options = ["--data", str(tmp_path), "--validate", str(tmp_path), "--iterations", "3", "--patch", "16"]
    assert ablations.main([*options, "--batch", "2"]) == 0
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines() if line.endswith("dB |")]
    assert [row[0].removeprefix("| ") for row in rows] == [
        *("none of the three", "GFF", "AsyCA", "DWC", "DWC + GFF", "AsyCA + GFF", "AsyCA + DWC", "AsyCA + DWC + GFF"),
        *("Concat", "Sum", "SE", "AsyCA"),
    ]
    assert rows[7][1:] == rows[11][1:]  # the whole DIN appears in both, and one seed gives one result
    parameters = [int(row[1].replace(",", "")) for row in rows]
    assert parameters[7] == count_parameters(DIN(replace(tiny, scale=2)))
    assert parameters[0] < parameters[1] < parameters[5] < parameters[7]
    assert ablations.main(["--data", str(tmp_path / "none"), "--validate", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("error: there is no folder")


def test_mult_adds_are_the_convolutions_by_hand():
    config = replace(
        PRESETS["din_t"], scale=2, fusion="sum", gff=False, branches=1, wrdbs=1, rdbs=1, convs=2, dwc="none"
    )
    h, w = ablations.MULT_ADDS_SIZE
    c, g = config.channels, config.growth
    # head, the WRDB's convolution, the RDB's (to G, then G and C to C), the tail
    per_pixel = 9 * (3 * c + c * c + c * g + (c + g) * c + c * 12)
    assert count_mult_adds(config, ablations.MULT_ADDS_SIZE) == pytest.approx(h * w * per_pixel, rel=0.02)
