"""The tab that shows the server at work: what Triton counts, as it counts."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from html import escape
from itertools import pairwise

import gradio as gr

from app.client import RestorationClient, ServedTask, Usage
from app.errors import RestorationError
from app.page.choices import task_label
from app.page.report import message_html
from app.page.words import Words
from app.texts import say

REFRESH_S = 2.0
HISTORY_S = 60.0
COLUMNS = ("task", "network", "runs_on", "requests", "failures", "queue", "compute", "batches")


class History:
    """How many requests had been answered at the last few readings."""

    def __init__(self) -> None:
        self._readings: deque[tuple[float, int]] = deque(maxlen=int(2 * HISTORY_S / REFRESH_S))

    def add(self, now_s: float, requests: int) -> None:
        """Notes a reading, unless another visitor's panel has just done so."""
        if not self._readings or now_s - self._readings[-1][0] >= REFRESH_S / 2:
            self._readings.append((now_s, requests))

    def rates(self, now_s: float) -> list[float]:
        """Requests a second between the readings of the last minute."""
        recent = [reading for reading in self._readings if now_s - reading[0] <= HISTORY_S]
        # A restarted server counts anew.
        return [max(0, later - earlier) / (end - start) for (start, earlier), (end, later) in pairwise(recent)]


def build_server_tab(client: RestorationClient, words: Words, language: gr.Dropdown, tab: gr.Tab) -> gr.Timer:
    """Places the panel; the timer that is returned refreshes it, from when its tab is opened."""
    history = History()
    words.bind(gr.Markdown(), value=say("server.introduction"))
    panel = gr.HTML(elem_id="panel")
    timer = gr.Timer(REFRESH_S, active=False)

    def refresh(language: str) -> str:
        try:
            tasks, usage = client.tasks(), client.usage()
        except RestorationError as error:
            return message_html(say("server.away"), language, "error") + f"<p>{escape(error.into(language))}</p>"
        now_s = time.monotonic()
        history.add(now_s, sum(used.requests for used in usage.values()))
        return panel_html(tasks, usage, history.rates(now_s), language)

    for event in (tab.select, timer.tick):
        event(refresh, language, panel, queue=False, api_visibility="private", show_progress="hidden")
    tab.select(lambda: gr.Timer(active=True), None, timer, queue=False, api_visibility="private")
    return timer


def panel_html(tasks: Mapping[str, ServedTask], usage: Mapping[str, Usage], rates: list[float], language: str) -> str:
    """The panel.

    Args:
        tasks: that are served.
        usage: what Triton has counted of each.
        rates: requests a second, over the last minute.
        language: to say it in.
    """
    total = sum(used.requests for used in usage.values())
    now = say("server.now", rate=f"{rates[-1] if rates else 0:.1f}", requests=total, tasks=len(tasks)).into(language)
    head = "".join(f'<th scope="col">{escape(say(f"server.{name}").into(language))}</th>' for name in COLUMNS)
    rows = "".join(row_html(task, usage.get(name, Usage()), language) for name, task in tasks.items())
    caption = escape(say("server.caption").into(language))
    return (
        f'<p class="din-live"><span class="din-lamp" aria-hidden="true"></span>{escape(now)}</p>'
        f"{sparkline(rates, say('server.sparkline').into(language))}"
        f'<div class="din-scroll" tabindex="0" role="region" aria-label="{escape(caption, quote=True)}">'
        f'<table class="din-table"><caption>{caption}</caption><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def row_html(task: ServedTask, used: Usage, language: str) -> str:
    """A task's line; times are means over its requests."""
    answered = max(1, used.requests)
    cells = (
        f"{task.preset}, {task.precision}",
        f"{task.instances} × {task.device}",
        f"{used.requests:,}",
        f"{used.failures:,}",
        f"{used.queue_s / answered * 1e3:.1f} ms" if used.requests else "–",
        f"{used.compute_s / answered * 1e3:.1f} ms" if used.requests else "–",
    )
    told = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
    label = escape(task_label(task).into(language))
    return f'<tr><th scope="row">{label}</th>{told}<td>{batches_html(used.batches)}</td></tr>'


def batches_html(batches: Mapping[int, int]) -> str:
    """How many batches of each size were run, as bars."""
    most = max(batches.values(), default=0)
    return "".join(
        f'<span class="din-batch"><i style="height:{2 + 18 * count / most:.0f}px" aria-hidden="true"></i>'
        f"<small>{size}: {count:,}</small></span>"
        for size, count in sorted(batches.items())
    )


def sparkline(rates: list[float], label: str) -> str:
    """The rates as a line, the newest at the right."""
    top = max([*rates, 1.0])
    points = " ".join(
        f"{300 * i / max(1, len(rates) - 1):.1f},{58 - 54 * rate / top:.1f}" for i, rate in enumerate(rates)
    )
    return (
        f'<svg class="din-sparkline" viewBox="0 0 300 60" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(label, quote=True)}"><polyline points="{points}"/></svg>'
    )
