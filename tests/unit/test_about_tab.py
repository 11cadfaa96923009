"""What the page tells of the network, its results and what it learnt from."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from app.web import storage
from app.web.about import tab
from app.web.about.architecture import architecture_svg
from app.web.about.records import read_card, read_measured, read_paper
from din_model.loading import shipped_presets, shipped_weights
from din_model.tasks import TASKS
from tests.unit.test_restore import NETWORK, TASK

SVG = "{http://www.w3.org/2000/svg}"
SERVED = {
    name: replace(
        TASK, name=name, label=task.label, networks=(replace(NETWORK, name=name, preset=shipped_presets(name)[0]),)
    )
    for name, task in TASKS.items()
}


def drawing(**sizes):
    root = ET.fromstring(architecture_svg("en", **sizes))
    return [(part.tag.removeprefix(SVG), part.get("class", ""), part) for part in root.iter()]


@pytest.mark.parametrize(("branches", "wrdbs"), [(4, 5), (3, 2), (2, 2)])
def test_the_drawing_has_every_block_and_node(branches, wrdbs):
    parts = drawing(branches=branches, wrdbs=wrdbs)
    assert sum(kind == "block" for _, kind, _ in parts) == branches * wrdbs
    assert sum(kind == "node" for _, kind, _ in parts) == (branches - 1) * wrdbs  # the first branch has none (Eq. 13)
    assert sum(kind == "way last" for _, kind, _ in parts) == branches - 1  # F_D starts the next branch (Eq. 14)
    assert sum(kind == "way skip" for _, kind, _ in parts) == 1  # the global residual (Eq. 19)
    assert sum(kind == "fusion" for _, kind, _ in parts) == 2  # Eq. 15


def test_each_node_takes_two_states():
    parts = drawing()
    ways = [
        [tuple(map(float, point.split(","))) for point in part.get("points").split()]
        for tag, _, part in parts
        if tag == "polyline"
    ]
    nodes = [(float(part.get("cx")), float(part.get("cy"))) for _, kind, part in parts if kind == "node"]
    assert len(nodes) == 15
    for x, y in nodes:
        into = [way for way in ways if abs(way[-1][0] - x) + abs(way[-1][1] - y) == 11]
        assert len(into) == 2, (x, y)


def test_both_fusions_take_what_the_paper_says():
    parts = drawing()
    ends = [tuple(map(float, part.get("points").split()[-1].split(","))) for tag, _, part in parts if tag == "polyline"]
    corners = [(float(part.get("x")), float(part.get("y"))) for _, kind, part in parts if kind == "fusion"]
    (deep, _), (wide, top) = corners
    assert sum(x == deep for x, _ in ends) == 4  # F_D of every branch
    assert sum(y == top or (x, y) == (wide, top + 17) for x, y in ends) == 5  # F_1 .. F_4 of the last one, and F_0


def test_results_stand_beside_the_papers():
    html = tab.results_html(SERVED, "en")
    assert html.count("<details") == len(TASKS)
    assert "not comparable" in html
    sr_x4 = html.split("<details")[3]
    for cell in ("Enlarge 4×", "From the paper", "32.72 / 0.9011", "Measured here", "DIN, din_t †", "31.03 / 0.8759"):
        assert cell in sr_x4, cell
    for fact in ("BSD200", "14000 iterations", "non-commercial research", "614,544 parameters"):
        assert fact in sr_x4, fact


def test_a_part_of_a_set_has_a_column_of_its_own():
    paper, measured = read_paper()["deblur"], read_measured()["deblur"]
    head = tab.table_html(SERVED["deblur"], paper, measured, "en").split("<tbody")[0]
    assert re.findall(r'din-number">(.*?)<', head) == [
        "GoPro",
        "HIDE I",
        "HIDE II",
        "GoPro (3 of its 1,111 pairs)",
        "Kodak24 (synthetic blur)",
    ]


def test_every_shipped_weights_card_is_read():
    for name, task in SERVED.items():
        assert shipped_weights(name) is not None
        card = read_card(name, task.network().preset)
        assert card.trained_on, name
        assert card.training, name
        assert card.licence, name
        assert re.fullmatch(r"[\d,]+", card.parameters), name


def test_what_is_missing_is_said(monkeypatch, tmp_path):
    tasks = {"sr_x4": SERVED["sr_x4"]}
    monkeypatch.setattr(tab, "read_paper", lambda: read_paper(tmp_path / "none.json"))
    assert "paper_results.json" in tab.results_html(tasks, "en")
    assert "31.03 / 0.8759" in tab.results_html(tasks, "en")
    monkeypatch.setattr(tab, "read_measured", lambda: read_measured(tmp_path / "none.json"))
    monkeypatch.setattr(tab, "read_card", lambda name, preset: read_card(name, preset, tmp_path))
    html = tab.results_html(tasks, "en")
    assert html.count('role="status"') == 3
    assert "<details" not in html


def test_what_the_files_say_is_not_markup():
    html = tab.table_html(SERVED["sr_x2"], {"<b>": {"<i>": (30.0, 0.9)}}, {}, "en")
    assert "<b>" not in html
    assert "<i>" not in html
    assert "&lt;b&gt;" in html
    assert "30.00 / 0.9000" in html


def test_limits_are_those_in_force(monkeypatch):
    for number in ("10 minutes", "24 megapixels", "64 MB", "96 megapixels", "50 photos", "4 jobs"):
        assert number in tab.how_html("en"), number
    monkeypatch.setattr(storage, "CACHE_AGE_S", 1200)
    assert "20 minutes" in tab.how_html("en")
