"""The about tab: what happens to a photo, the network, its results, and what its weights were trained on."""

from __future__ import annotations

import base64
import functools
from dataclasses import dataclass
from pathlib import Path

import gradio as gr

from app import codec
from app.client import RestorationClient
from app.i18n import Text, as_is, say
from app.tasks import Network, Task, Tasks
from app.web import limits, storage
from app.web.about.architecture import draw
from app.web.bind import Words
from app.web.labels import task_label
from app.web.templates import render

PLOT = Path(__file__).parent / "static/psnr_over_time.svg"


@dataclass(frozen=True)
class CardView:
    """The facts that a network's weights state in their metadata, as they are shown.

    Attributes:
        facts: key of each fact's name, and the fact in English.
        network: the preset, with the number of its parameters where it is known.
    """

    facts: tuple[tuple[str, str], ...]
    network: Text


@dataclass(frozen=True)
class TaskView:
    """The results of a task as they are shown.

    Attributes:
        label: of the task.
        sets: the columns, data sets that something was measured on.
        groups: of methods with one origin: the key of its name, (method, score on each set) of each method, a CSS
            class; none where nothing was measured.
        cards: of the task's networks.
    """

    label: Text
    sets: tuple[str, ...]
    groups: tuple[tuple[str, list[tuple[str, list[str]]], str], ...]
    cards: tuple[CardView, ...]


def build_about_tab(client: RestorationClient, words: Words) -> None:
    """Add the components of the tab.

    Args:
        client: connection to Triton; its tasks are read once.
        words: of the page.
    """
    tasks = client.tasks()
    words.bind(gr.HTML(elem_id="how"), value=how_html)
    words.bind(gr.HTML(elem_id="network"), value=network_html)
    words.bind(gr.HTML(elem_id="learnt"), value=lambda language: results_html(tasks, language))


def how_html(language: str) -> str:
    """Render what this is, what happens to a photo, privacy, and the limits that are in force."""
    sections = [
        ("about.what_title", [say("about.what")]),
        ("about.way_title", [say(f"about.{name}") for name in ("way_tiles", "way_triton", "way_best", "way_deep")]),
        (
            "about.privacy_title",
            [
                say("about.privacy_deleted", minutes=storage.CACHE_AGE_S // 60),
                say("about.privacy_counted"),
                say("about.privacy_asked"),
            ],
        ),
        (
            "about.rules_title",
            [
                say("about.rule_input", pixels=codec.megapixels(codec.MAX_INPUT_PIXELS), size=limits.MAX_UPLOAD),
                say("about.rule_output", pixels=codec.megapixels(codec.MAX_OUTPUT_PIXELS)),
                say("about.rule_photos", photos=limits.MAX_PHOTOS),
                say("about.rule_jobs", jobs=limits.VISITOR_JOBS, queued=limits.QUEUED_JOBS - limits.CONCURRENT_JOBS),
            ],
        ),
    ]
    return render("about/how.html", language, sections=sections)


def network_html(language: str) -> str:
    """Render the drawing of the paper's network, with a legend."""
    return render("about/network.html", language, drawing=draw())


def results_html(tasks: Tasks, language: str) -> str:
    """Render the results of every task beside the paper's, and the facts that its networks' weights state."""
    views = [task_view(task) for task in tasks.values()]
    return render("about/results.html", language, tasks=views, plot=plot_url())


@functools.cache
def plot_url() -> str:
    """Return the plot of PSNR over time (``benchmarks/speed.py``) as a data URL."""
    return "data:image/svg+xml;base64," + base64.b64encode(PLOT.read_bytes()).decode()


def task_view(task: Task) -> TaskView:
    """Arrange the results of a task: the paper's rows above ours; only sets of the same name share a column."""
    origins = (("about.from_paper", task.paper, ""), ("about.measured_here", task.measured, "din-ours"))
    sets = tuple(dict.fromkeys(name for _, rows, _ in origins for scores in rows.values() for name in scores))
    groups = tuple(
        (title, [(method, [score_text(scores.get(name)) for name in sets]) for method, scores in rows.items()], kind)
        for title, rows, kind in origins
        if rows
    )
    return TaskView(task_label(task), sets, groups, tuple(card_view(network) for network in task.networks))


def score_text(score: tuple[float, float] | None) -> str:
    """Return PSNR and SSIM as the paper prints them, or a dash."""
    return f"{score[0]:.2f} / {score[1]:.4f}" if score else "–"


def card_view(network: Network) -> CardView:
    """Arrange the facts that a network's weights state in their metadata; missing ones are left out."""
    facts = {
        "about.trained_on": network.trained_on,
        "about.training": network.training,
        "about.licence": network.data_licence,
        "about.weights_licence": network.licence,
    }
    size = say("about.parameters", preset=network.preset, number=network.parameters)
    return CardView(
        tuple((key, fact) for key, fact in facts.items() if fact),
        size if network.parameters else as_is(network.preset),
    )
