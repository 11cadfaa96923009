"""The tab that shows the server at work: what Triton counts, as it counts."""

from __future__ import annotations

from html import escape

import gradio as gr

from app.client import RestorationClient
from app.i18n import say
from app.tasks import Network, Task
from app.usage import Usage
from app.web.bind import Words
from app.web.restore.choices import task_label
from app.web.server.charts import batch_bars, sparkline
from app.web.server.traffic import Traffic, View, total

REFRESH_S = 2.0
WORDS = ("task", "network", "precision", "runs_on")  # the columns, those of words
NUMBERS = ("answered", "failures", "queue", "compute")  # and those of numbers
UNKNOWN = "–"


def build_server_tab(client: RestorationClient, words: Words, language: gr.Dropdown, tab: gr.Tab) -> gr.Timer:
    """Places the panel.

    Args:
        client: connection to Triton.
        words: of the page.
        language: that the visitor reads.
        tab: which starts the timer when it is opened.

    Returns:
        The timer, for the page to stop it where another tab is opened.
    """
    traffic = Traffic(client)
    words.bind(gr.Markdown(), value=say("server.introduction"))
    is_refreshing = words.bind(
        gr.Checkbox(value=True, elem_id="refresh"), label=say("server.refresh", seconds=int(REFRESH_S))
    )
    panel = words.bind(gr.HTML(elem_id="panel"), value=lambda language: panel_html(traffic.last, language))
    timer = gr.Timer(REFRESH_S, active=False)

    def refresh(language: str) -> str:
        return panel_html(traffic.read(), language)

    def keep_time(wanted: bool) -> gr.Timer:
        return gr.Timer(active=wanted)

    for event in (tab.select, timer.tick):
        event(refresh, language, panel, queue=False, api_visibility="private", show_progress="hidden")
    for event in (tab.select, is_refreshing.input):
        event(keep_time, is_refreshing, timer, queue=False, api_visibility="private", show_progress="hidden")
    return timer


def panel_html(view: View, language: str) -> str:
    """The panel: how Triton is, its totals, and a line for each network."""
    if not view.is_read:
        body = state_html("reading", say("server.reading").into(language))
    elif view.problem is not None:
        body = state_html("away", f"{say('server.away').into(language)} {view.problem.into(language)}")
    else:
        body = state_html("live", say("server.live", tasks=len(view.tasks)).into(language))
        body += totals_html(view, language) + table_html(view, language)
    return f'<div class="din-panel">{body}</div>'


def state_html(state: str, told: str) -> str:
    """How Triton is, with a lamp: ``live``, ``away`` or ``reading``."""
    return (
        f'<p class="din-state din-{state}" role="status">'
        f'<span class="din-lamp" aria-hidden="true"></span><span>{escape(told)}</span></p>'
    )


def totals_html(view: View, language: str) -> str:
    """The totals over all tasks, and the last minute as a line."""
    rate = UNKNOWN if view.rate is None else f"{view.rate:.1f}"
    most = max([step.rate for step in view.steps], default=0.0)
    answered, failures = total(view.usage, "requests"), total(view.usage, "failures")
    figures = (("rate", rate), ("all_answered", f"{answered:,}"), ("all_failures", f"{failures:,}"))
    told = "".join(
        f"<div><dt>{escape(say(f'server.{name}').into(language))}</dt><dd>{figure}</dd></div>"
        for name, figure in figures
    )
    label = say("server.line", most=f"{most:.1f}").into(language)
    return (
        f'<div class="din-totals"><dl>{told}</dl><figure>{sparkline(view.steps, label)}'
        f"<figcaption>{escape(label)}</figcaption></figure></div>"
    )


def table_html(view: View, language: str) -> str:
    """A line for each task, in a box of its own that scrolls on narrow screens."""
    columns = [(name, "") for name in WORDS] + [(name, ' class="din-number"') for name in NUMBERS] + [("batches", "")]
    head = "".join(
        f'<th scope="col"{kind}>{escape(say(f"server.{name}").into(language))}</th>' for name, kind in columns
    )
    rows = "".join(
        row_html(task, network, view.usage.get(network.name, Usage()), language)
        for task in view.tasks.values()
        for network in task.networks
    )
    caption, note = (escape(say(key).into(language)) for key in ("server.caption", "server.note"))
    return (
        f'<div class="din-scroll" tabindex="0" role="region" aria-label="{caption}"><table class="din-table">'
        f"<caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
        f'<p class="din-aside">{note}</p>'
    )


def row_html(task: Task, network: Network, used: Usage, language: str) -> str:
    """A network's line; the times are means over its requests."""
    words = (network.preset, network.precision, f"{network.device} × {network.instances}")
    numbers = (
        f"{used.requests:,}",
        f"{used.failures:,}",
        mean_ms(used.queue_s, used.requests),
        mean_ms(used.compute_s, used.requests),
    )
    cells = "".join(f"<td>{escape(word)}</td>" for word in words)
    cells += "".join(f'<td class="din-number">{number}</td>' for number in numbers)
    bars = batch_bars(used.batches, say("server.batches").into(language))
    label = escape(task_label(task).into(language))
    return f'<tr><th scope="row">{label}</th>{cells}<td>{bars or UNKNOWN}</td></tr>'


def mean_ms(summed_s: float, requests: int) -> str:
    """A mean in milliseconds; a dash before there is one."""
    return f"{1000 * summed_s / requests:.1f}" if requests else UNKNOWN
