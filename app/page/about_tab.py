"""The tab that tells what runs here: the network, its results beside the paper's, what it learnt from, the rules."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from html import escape
from pathlib import Path

import gradio as gr

from app import codec
from app.client import RestorationClient, ServedTask
from app.page import files, limits
from app.page.choices import task_label
from app.page.report import message_html
from app.page.words import Words
from app.texts import say

ROOT = Path(__file__).parents[2]
MEASURED, PAPER = ROOT / "docs" / "results.json", ROOT / "din_model" / "paper_results.json"
CARDS = ROOT / "din_model" / "weights"
ARCHITECTURE = Path(__file__).parent / "assets" / "architecture.svg"
TOLD_BY_CARDS = ("Trained on", "Training", "Licence of the data")

Rows = dict[str, dict[str, tuple[float, float]]]  # method -> set -> PSNR in dB and SSIM


def build_about_tab(client: RestorationClient, words: Words) -> None:
    """Places the tab; its tasks are those served now."""
    tasks = client.tasks()
    words.bind(gr.Markdown(), value=how_it_works)
    words.bind(gr.HTML(), value=architecture_html)
    words.bind(gr.HTML(), value=lambda language: results_html(tasks, language))


def how_it_works(language: str) -> str:
    """What happens to a photo, and what does not, as Markdown."""
    rules = say(
        "about.rules",
        minutes=files.CACHE_AGE_S // 60,
        into=codec.megapixels(codec.MAX_INPUT_PIXELS),
        out=codec.megapixels(codec.MAX_OUTPUT_PIXELS),
        size=limits.MAX_UPLOAD.upper(),
        photos=limits.MAX_PHOTOS,
        jobs=limits.VISITOR_JOBS,
        queued=limits.QUEUED_JOBS,
    )
    sections = (
        ("about.what_title", say("about.what")),
        ("about.way_title", say("about.way")),
        ("about.privacy_title", say("about.privacy", minutes=files.CACHE_AGE_S // 60)),
        ("about.rules_title", rules),
    )
    return "\n\n".join(f"## {say(title).into(language)}\n\n{text.into(language)}" for title, text in sections)


def architecture_html(language: str) -> str:
    """The network, drawn."""
    title, text = (escape(say(key).into(language)) for key in ("about.network_title", "about.network"))
    drawing = ARCHITECTURE.read_text(encoding="utf-8")
    box = f'<div class="din-scroll" tabindex="0" role="img" aria-label="{text}">{drawing}</div>'
    return f"<h2>{title}</h2>{box}<p>{text}</p>"


def results_html(tasks: Mapping[str, ServedTask], language: str) -> str:
    """For every task its results beside the paper's, and what its weights learnt from."""
    title = f"<h2>{escape(say('about.results_title').into(language))}</h2>"
    try:
        paper, measured = read_paper(), read_measured()
    except OSError:
        return title + message_html(say("about.no_results"), language)
    parts = [title, f"<p>{escape(say('about.results').into(language))}</p>"]
    for name, task in tasks.items():
        table = table_html(paper.get(name, {}) | measured.get(name, {}), measured.get(name, {}), language)
        card = "".join(
            f"<dt>{escape(about)}</dt><dd>{escape(text)}</dd>" for about, text in read_card(name, task.preset).items()
        )
        label = escape(task_label(task).into(language))
        parts.append(
            f'<details class="din-results"><summary>{label}</summary>{table}<dl lang="en">{card}</dl></details>'
        )
    return "".join(parts)


def table_html(rows: Rows, ours: Rows, language: str) -> str:
    """Methods by sets; ours stand out."""
    sets = list(dict.fromkeys(name for scores in rows.values() for name in scores))
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in sets)
    lines = "".join(
        f'<tr{" class=din-ours" if method in ours else ""}><th scope="row">{escape(method)}</th>'
        + "".join(f"<td>{score_text(scores.get(name))}</td>" for name in sets)
        + "</tr>"
        for method, scores in rows.items()
    )
    method, caption = (escape(say(key).into(language)) for key in ("about.method", "about.table"))
    return (
        f'<div class="din-scroll" tabindex="0" role="region" aria-label="{caption}"><table class="din-table">'
        f'<caption>{caption}</caption><thead><tr><th scope="col">{method}</th>{head}</tr></thead>'
        f"<tbody>{lines}</tbody></table></div>"
    )


def score_text(score: tuple[float, float] | None) -> str:
    """PSNR and SSIM as the paper prints them."""
    return f"{score[0]:.2f} / {score[1]:.4f}" if score else "–"


@functools.cache
def read_paper() -> dict[str, Rows]:
    """The paper's tables, by task."""
    by_set = json.loads(PAPER.read_text(encoding="utf-8"))
    tables: dict[str, Rows] = {}
    for task, sets in by_set.items():
        for name, scores in sets.items():
            for method, score in scores.items():
                tables.setdefault(task, {}).setdefault(method, {})[name] = score
    return tables


@functools.cache
def read_measured() -> dict[str, Rows]:
    """What these weights measured, by task."""
    tables: dict[str, Rows] = json.loads(MEASURED.read_text(encoding="utf-8"))
    return tables


@functools.cache
def read_card(task: str, preset: str) -> dict[str, str]:
    """What the card of a task's weights tells of their training; empty if it has none."""
    path = CARDS / f"{task}-{preset}.md"
    if not path.is_file():
        return {}
    told = dict(re.findall(r"^- \*\*(.+?)\*\*: (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE))
    return {about: told[about] for about in TOLD_BY_CARDS if about in told}
