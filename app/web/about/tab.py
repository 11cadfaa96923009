"""The tab that tells what runs here: what becomes of a photo, the network, its results and what it learnt from."""

from __future__ import annotations

from html import escape

import gradio as gr

from app import codec
from app.client import RestorationClient
from app.i18n import Text, say
from app.tasks import Network, Task, Tasks
from app.web import limits, storage
from app.web.about.architecture import BRANCHES, WRDBS, architecture_svg, legend_html
from app.web.about.records import Card, Rows, Score, read_card, read_measured, read_paper
from app.web.bind import Words
from app.web.restore.choices import task_label
from app.web.restore.html import message_html


def build_about_tab(client: RestorationClient, words: Words) -> None:
    """Places the tab; it tells of the tasks that are served now."""
    tasks = client.tasks()
    words.bind(gr.HTML(elem_id="how"), value=how_html)
    words.bind(gr.HTML(elem_id="network"), value=network_html)
    words.bind(gr.HTML(elem_id="learnt"), value=lambda language: results_html(tasks, language))


def how_html(language: str) -> str:
    """What this is, what happens to a photo and what does not, and the limits."""
    size = limits.MAX_UPLOAD.removesuffix("mb") + " MB"
    sections = {
        "about.what_title": [say("about.what")],
        "about.way_title": [say(f"about.{name}") for name in ("way_tiles", "way_triton", "way_best", "way_deep")],
        "about.privacy_title": [
            say("about.privacy_deleted", minutes=storage.CACHE_AGE_S // 60),
            say("about.privacy_counted"),
            say("about.privacy_asked"),
        ],
        "about.rules_title": [
            say("about.rule_input", pixels=codec.megapixels(codec.MAX_INPUT_PIXELS), size=size),
            say("about.rule_output", pixels=codec.megapixels(codec.MAX_OUTPUT_PIXELS)),
            say("about.rule_photos", photos=limits.MAX_PHOTOS),
            say("about.rule_jobs", jobs=limits.VISITOR_JOBS, queued=limits.QUEUED_JOBS),
        ],
    }
    told = "".join(
        f"<section>{heading(title, language)}{points(texts, language)}</section>" for title, texts in sections.items()
    )
    return f'<div class="din-how">{told}</div>'


def points(texts: list[Text], language: str) -> str:
    """Sentences as a list; a single one as a paragraph."""
    lines = [escape(text.into(language)) for text in texts]
    return f"<p>{lines[0]}</p>" if len(lines) == 1 else f"<ul>{''.join(f'<li>{line}</li>' for line in lines)}</ul>"


def heading(key: str, language: str) -> str:
    return f"<h2>{escape(say(key).into(language))}</h2>"


def network_html(language: str) -> str:
    """The network, drawn, in a box of its own that scrolls on narrow screens."""
    name, told = (escape(say(key).into(language)) for key in ("about.drawing", "about.network"))
    drawn = escape(say("about.drawn", branches=BRANCHES, wrdbs=WRDBS).into(language))
    return (
        f'{heading("about.network_title", language)}<p class="din-prose">{told}</p>'
        f'<div class="din-scroll" tabindex="0" role="region" aria-label="{name}">{architecture_svg(language)}</div>'
        f'{legend_html(language)}<p class="din-aside">{drawn}</p>'
    )


def results_html(tasks: Tasks, language: str) -> str:
    """For every task its results beside the paper's, and what its weights learnt from."""
    paper, measured = read_paper(), read_measured()
    cards = {network.name: read_card(task.name, network.preset) for task in tasks.values() for network in task.networks}
    missing = {
        "about.no_paper": paper is None,
        "about.no_results": measured is None,
        "about.no_cards": not any(cards.values()),
    }
    parts = [heading("about.results_title", language)]
    parts += [message_html(say(key), language) for key, is_missing in missing.items() if is_missing]
    if all(missing.values()):
        return "".join(parts)
    parts.append(f'<p class="din-prose">{escape(say("about.results").into(language))}</p>')
    for name, task in tasks.items():
        table = table_html(task, (paper or {}).get(name, {}), (measured or {}).get(name, {}), language)
        told = (card_html(network, card, language) for network in task.networks if (card := cards[network.name]))
        label = escape(task_label(task).into(language))
        parts.append(f'<details class="din-results"><summary>{label}</summary>{table}{"".join(told)}</details>')
    return "".join(parts)


def table_html(task: Task, paper: Rows, measured: Rows, language: str) -> str:
    """The paper's rows above ours; only sets that are the very same share a column."""
    if not paper and not measured:
        return message_html(say("about.no_table"), language)
    sets = list(dict.fromkeys(name for rows in (paper, measured) for scores in rows.values() for name in scores))
    head = "".join(f'<th scope="col" class="din-number">{escape(name)}</th>' for name in sets)
    groups = group_html(say("about.from_paper"), paper, sets, language)
    groups += group_html(say("about.measured_here"), measured, sets, language, "din-ours")
    caption = escape(say("about.table", task=task_label(task)).into(language))
    method = escape(say("about.method").into(language))
    return (
        f'<div class="din-scroll" tabindex="0" role="region" aria-label="{caption}"><table class="din-table">'
        f'<caption>{caption}</caption><thead><tr><th scope="col">{method}</th>{head}</tr></thead>{groups}</table></div>'
    )


def group_html(title: Text, rows: Rows, sets: list[str], language: str, kind: str = "") -> str:
    """Methods of one origin, under its name; nothing where there are none."""
    if not rows:
        return ""
    lines = "".join(
        f'<tr><th scope="row">{escape(method)}</th>'
        + "".join(f'<td class="din-number">{score_text(scores.get(name))}</td>' for name in sets)
        + "</tr>"
        for method, scores in rows.items()
    )
    name = escape(title.into(language))
    return (
        f'<tbody class="{kind}"><tr><th scope="rowgroup" colspan="{len(sets) + 1}" class="din-origin">{name}</th></tr>'
        f"{lines}</tbody>"
    )


def score_text(score: Score | None) -> str:
    """PSNR and SSIM as the paper prints them."""
    return f"{score[0]:.2f} / {score[1]:.4f}" if score else "–"


def card_html(network: Network, card: Card, language: str) -> str:
    """What a network's weights learnt from; the card's own sentences are English."""
    parameters = say("about.parameters", preset=network.preset, number=card.parameters).into(language)
    shown = parameters if card.parameters else network.preset
    facts = (
        ("about.trained_on", card.trained_on, "en"),
        ("about.training", card.training, "en"),
        ("about.licence", card.licence, "en"),
        ("about.network_row", shown, language),
    )
    told = "".join(
        f'<div><dt>{escape(say(key).into(language))}</dt><dd lang="{written_in}">{escape(fact)}</dd></div>'
        for key, fact, written_in in facts
        if fact
    )
    return f'<dl class="din-card">{told}</dl>'
