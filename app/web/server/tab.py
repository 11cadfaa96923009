"""The server tab: Triton's counters while it works."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from app.client import RestorationClient
from app.i18n import Text, say
from app.tasks import Network, Task
from app.usage import Usage
from app.web.bind import Words
from app.web.restore.choices import task_label
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

    def refresh(language: str) -> str:
        """Read Triton's counters, and render the panel."""
        return panel_html(traffic.read(), language)

    def follow_tabs(wanted: bool, event: gr.SelectData) -> gr.Timer:
        """Run the timer if the tab was selected and refreshing is wanted, or else stop it."""
        return gr.Timer(active=wanted and event.id == tab.id)

    def follow_choice(wanted: bool) -> gr.Timer:
        """Run the timer if refreshing is wanted, or else stop it."""
        return gr.Timer(active=wanted)

    for event in (tab.select, timer.tick):
        event(refresh, language, panel, queue=False, api_visibility="private", show_progress="hidden")
    # Every selection counts, also one made before the answer to the one before it.
    tabs.select(
        follow_tabs,
        is_refreshing,
        timer,
        trigger_mode="multiple",
        queue=False,
        api_visibility="private",
        show_progress="hidden",
    )
    is_refreshing.input(
        follow_choice, is_refreshing, timer, queue=False, api_visibility="private", show_progress="hidden"
    )


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
        line=sparkline(view.steps),
        most=f"{max([step.rate for step in view.steps], default=0.0):.1f}",
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
