"""The about tab: the network, its results and its training data."""

import math
from collections import Counter
from dataclasses import replace

import pytest

from app.web import storage
from app.web.about import tab
from app.web.about.architecture import draw
from tests.support.files import ROOT
from tests.support.markup import element, parse, text, texts
from tests.support.served import NETWORK, TASK

STATED = replace(
    NETWORK,
    parameters=614_544,
    trained_on="199 photos of BSD200",
    training="14000 iterations",
    data_licence="BSD: non-commercial research",
    licence="research only",
)
SR_X4 = replace(
    TASK,
    name="sr_x4",
    label="Enlarge 4×",
    paper={"Bicubic": {"Set5": (28.42, 0.8104)}, "DIN": {"Set5": (32.72, 0.9011), "Urban100": (26.9, 0.81)}},
    measured={"DIN, din_t †": {"Set5": (31.034, 0.87594), "Set5 (2 of 5)": (30.0, 0.8)}},
    networks=(STATED, replace(NETWORK, name="sr_x4-din_s", preset="din_s")),
)
DEBLUR = replace(TASK, name="deblur", label="Remove motion blur", scale=1, networks=(NETWORK,))
SERVED = {task.name: task for task in (SR_X4, DEBLUR)}


def boxes(drawing, kind):
    return [box for box in drawing.boxes if box.kind == kind]


def is_at_edge(point, box):
    """Return whether a point lies on the left or the upper edge of a box."""
    x, y = point[0] - box.left, point[1] - box.top
    return (x == 0 and 0 <= y <= box.height) or (y == 0 and 0 <= x <= box.width)


@pytest.mark.parametrize(("branches", "wrdbs"), [(4, 5), (3, 2), (2, 2)])
def test_the_drawing_has_every_block_and_node(branches, wrdbs):
    drawing = draw(branches, wrdbs)
    assert len(boxes(drawing, "block")) == branches * wrdbs
    assert len(drawing.nodes) == (branches - 1) * wrdbs  # the first branch has none (Eq. 13)
    kinds = Counter(way.kind for way in drawing.ways)
    assert kinds["last"] == branches - 1  # F_D starts the next branch (Eq. 14)
    assert kinds["skip"] == 1  # the global residual (Eq. 19)
    assert len(boxes(drawing, "fusion")) == 2  # Eq. 15
    assert len(drawing.branch_labels) == branches


def test_each_node_takes_two_states():
    drawing = draw()
    assert len(drawing.nodes) == 15
    for node in drawing.nodes:
        arriving = [way for way in drawing.ways if math.dist(way.points[-1], node) == drawing.radius]
        assert len(arriving) == 2, node


def test_both_fusions_take_what_the_paper_says():
    drawing = draw()
    last_states, branch_states = boxes(drawing, "fusion")
    ends = [way.points[-1] for way in drawing.ways]
    assert sum(is_at_edge(end, last_states) for end in ends) == 4  # F_D of every branch
    assert sum(is_at_edge(end, branch_states) for end in ends) == 5  # F_1 .. F_4 of the last one, and F_0


def test_the_svg_has_all_that_is_drawn():
    drawing, root = draw(), parse(tab.network_html("de"))
    svg = element(root, ".//svg")
    assert svg.get("viewBox") == f"0 0 {drawing.width} {drawing.height}"
    assert len(svg.findall("rect")) == len(drawing.boxes)
    assert len(svg.findall("polyline")) == len(drawing.ways)
    circles = Counter(circle.get("class") for circle in svg.findall("circle"))
    assert circles == {"node": len(drawing.nodes), "dot": len(drawing.dots), "plus": len(drawing.sums)}
    for text_, _ in (*drawing.branch_labels, drawing.residual_label):
        assert text_.into("de") in texts(svg, "text")
    ids = {part.get("id") for part in svg.iter()}
    assert set(svg.get("aria-labelledby").split()) <= ids
    assert len(root.findall(".//dt")) == len(root.findall(".//dd")) == 8


def details(html):
    """Return what is folded below the name of each task."""
    return {text(part.find("summary")): part for part in parse(html).findall(".//details")}


def test_results_stand_beside_the_papers():
    html = tab.results_html(SERVED, "en")
    assert list(details(html)) == ["Enlarge 4×", "Remove motion blur"]
    assert "not comparable" in html
    rows = [[text(cell) for cell in row] for row in details(html)["Enlarge 4×"].findall(".//tr")]
    assert rows == [
        ["Method", "Set5", "Urban100", "Set5 (2 of 5)"],  # a part of a set has a column of its own
        ["From the paper"],
        ["Bicubic", "28.42 / 0.8104", "–", "–"],
        ["DIN", "32.72 / 0.9011", "26.90 / 0.8100", "–"],
        ["Measured here"],
        ["DIN, din_t †", "31.03 / 0.8759", "–", "30.00 / 0.8000"],
    ]


def test_each_network_states_its_weights():
    stated, silent = (
        dict(zip(texts(card, ".//dt"), texts(card, ".//dd"), strict=True))
        for card in details(tab.results_html(SERVED, "en"))["Enlarge 4×"].findall("dl")
    )
    assert stated == {
        "Trained on": "199 photos of BSD200",
        "Training": "14000 iterations",
        "Licence of the data": "BSD: non-commercial research",
        "Licence of the weights": "research only",
        "Network": "din_t, 614,544 parameters",
    }
    assert silent == {"Network": "din_s"}


def test_a_task_without_results_says_so():
    blur = details(tab.results_html(SERVED, "en"))["Remove motion blur"]
    assert texts(blur, "p[@role='status']") == ["Nothing was measured for this task."]
    assert not blur.findall(".//table")


def test_limits_are_those_in_force(monkeypatch):
    for number in ("10 minutes", "24 megapixels", "64 MB", "96 megapixels", "50 photos", "4 jobs"):
        assert number in tab.how_html("en"), number
    monkeypatch.setattr(storage, "CACHE_AGE_S", 1200)
    assert "20 minutes" in tab.how_html("en")


def test_the_plot_is_that_of_the_documentation():
    assert tab.PLOT.read_bytes() == (ROOT / "docs/images" / tab.PLOT.name).read_bytes()
    url = tab.plot_url()
    assert element(parse(tab.results_html(SERVED, "en")), ".//figure//img").get("src") == url
