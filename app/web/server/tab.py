"""The server tab: Triton's counters while it works."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from app.client import RestorationClient
from app.i18n import Text, say
from app.tasks import Network, Task
from app.usage import Usage
from app.web.bind import Words
from app.web.event_options import EACH, QUIET, Updates
from app.web.labels import task_label
from app.web.server.charts import Bars, batch_bars, sparkline
from app.web.server.traffic import Traffic, View, total
from app.web.templates import render

REFRESH_S = 2.0
UNKNOWN = "–"


@dataclass(frozen=True)
class Row:
    """A network's line of the table.

    Attributes:
        label: of its task.
        words, numbers: the cells, as the columns of the template.
        batches: chart of the sizes of its batches.
    """

    label: Text
    words: tuple[str, ...]
    numbers: tuple[str, ...]
    batches: Bars


class Handlers:
    """The event handlers of the tab: each takes values and returns updates of components.

    Args:
        traffic: reads Triton's counters.
        tab: the one that the panel is in.
        panel, timer: the components to update.
    """

    def __init__(self, traffic: Traffic, tab: gr.Tab, panel: gr.HTML, timer: gr.Timer) -> None:
        self._traffic, self._tab, self._panel, self._timer = traffic, tab, panel, timer

    def refresh(self, language: str) -> Updates:
        """Read Triton's counters, and render the panel."""
        return {self._panel: panel_html(self._traffic.read(), language)}

    def follow_tabs(self, wanted: bool, event: gr.SelectData) -> Updates:
        """Run the timer if the tab was selected and refreshing is wanted, or else stop it."""
        return {self._timer: gr.Timer(active=wanted and event.id == self._tab.id)}

    def follow_choice(self, wanted: bool) -> Updates:
        """Run the timer if refreshing is wanted, or else stop it."""
        return {self._timer: gr.Timer(active=wanted)}


def build_server_tab(
    client: RestorationClient, words: Words, language: gr.Dropdown, tabs: gr.Tabs, tab: gr.Tab
) -> None:
    """Add the panel, which refreshes itself only while its tab is open.

    Args:
        client: connection to Triton.
        words: of the page.
        language: the visitor's choice.
        tabs: all tabs of the page.
        tab: the one that the panel is in.
    """
    traffic = Traffic(client)
    words.bind(gr.Markdown(), value=say("server.introduction"))
    is_refreshing = words.bind(
        gr.Checkbox(value=True, elem_id="refresh"), label=say("server.refresh", seconds=int(REFRESH_S))
    )
    panel = words.bind(gr.HTML(elem_id="panel"), value=lambda language: panel_html(traffic.last, language))
    timer = gr.Timer(REFRESH_S, active=False)
    handlers = Handlers(traffic, tab, panel, timer)
    for event in (tab.select, timer.tick):
        event(handlers.refresh, language, panel, queue=False, **QUIET)
    # Every selection counts, also one made before the answer to the one before it.
    tabs.select(handlers.follow_tabs, is_refreshing, timer, queue=False, **EACH)
    is_refreshing.input(handlers.follow_choice, is_refreshing, timer, queue=False, **QUIET)


def panel_html(view: View, language: str) -> str:
    """Render the panel: the state of Triton, its totals, the last minute, and a line for each network."""
    if not view.is_read:
        return render("server/panel.html", language, state="reading", texts=[say("server.reading")])
    if view.problem is not None:
        return render("server/panel.html", language, state="away", texts=[say("server.away"), view.problem])
    return render(
        "server/panel.html",
        language,
        state="live",
        texts=[say("server.live", tasks=len(view.tasks))],
        totals=[
            ("rate", UNKNOWN if view.rate is None else f"{view.rate:.1f}"),
            ("all_answered", f"{total(view.usage, 'requests'):,}"),
            ("all_failures", f"{total(view.usage, 'failures'):,}"),
        ],
        line=sparkline(view.intervals),
        most=f"{max([interval.rate for interval in view.intervals], default=0.0):.1f}",
        rows=[
            row(task, network, view.usage.get(network.name, Usage()))
            for task in view.tasks.values()
            for network in task.networks
        ],
    )


def row(task: Task, network: Network, used: Usage) -> Row:
    """Arrange the line of a network; its times are means over requests."""
    return Row(
        task_label(task),
        (network.preset, network.precision, f"{network.device} × {network.instances}"),
        (
            f"{used.requests:,}",
            f"{used.failures:,}",
            mean_ms(used.queue_s, used.requests),
            mean_ms(used.compute_s, used.requests),
        ),
        batch_bars(used.batches),
    )


def mean_ms(summed_s: float, requests: int) -> str:
    """Return a mean in milliseconds, or a dash before there is one."""
    return f"{1000 * summed_s / requests:.1f}" if requests else UNKNOWN
