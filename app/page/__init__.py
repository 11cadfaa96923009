"""The Gradio page: build it over a Triton, and launch it."""

from __future__ import annotations

import contextlib
import io
import json
import threading
from dataclasses import dataclass
from pathlib import Path

import gradio as gr

from app.client import RestorationClient, unavailable
from app.page import choices, events, files, limits
from app.page.about_tab import build_about_tab
from app.page.health import health_route
from app.page.job import Workshop
from app.page.programs import offer_programs
from app.page.restore_tab import lay_out
from app.page.server_tab import build_server_tab
from app.page.words import Words
from app.texts import ENGLISH, LANGUAGES, say

ASSETS = Path(__file__).parent / "assets"
SPEAK = "(language) => dinSpeak(language)"
TOGGLE_THEME = """() => {
    document.body.classList.toggle('dark');
    document.body.style.background = 'var(--body-background-fill)';
}"""


@dataclass(frozen=True)
class Site:
    """A page and what goes into its head."""

    page: gr.Blocks
    styles: str
    head: str


def build_page(client: RestorationClient) -> Site:
    """The page over one Triton.

    Args:
        client: connection to Triton; its tasks are read once.

    Raises:
        ServerUnavailableError: no server answers.
    """
    gr.set_static_paths([choices.EXAMPLES])  # or they would be copied to where visitors' photos are
    workshop, words = Workshop(client), Words()
    page: gr.Blocks
    with gr.Blocks(
        title="DIN image restoration",
        analytics_enabled=False,
        fill_width=True,
    ) as page:
        with gr.Row(elem_id="top"):
            words.bind(
                gr.Markdown(elem_id="title"),
                value=lambda language: f"# {say('page.title').into(language)}\n{say('page.subtitle').into(language)}",
            )
            language = words.bind(
                gr.Dropdown(
                    [(name, tag) for tag, name in LANGUAGES.items()],
                    value=ENGLISH,
                    filterable=False,
                    show_label=False,
                    container=False,
                    scale=0,
                    min_width=130,
                    elem_id="language",
                ),
                label=say("page.language"),
            )
            theme = words.bind(gr.Button(scale=0, min_width=120, size="sm", elem_id="theme"), value=say("page.theme"))
        for name in client.broken():
            words.bind(gr.Markdown(elem_classes="din-warning"), value=unavailable(name))
        with gr.Tabs():
            with words.bind(gr.Tab(id="restore"), label=say("page.tab_restore")) as restore_tab:
                tab = lay_out(workshop, words)
            with words.bind(gr.Tab(id="server"), label=say("page.tab_server")) as server_tab:
                panel_timer = build_server_tab(client, words, language, server_tab)
            with words.bind(gr.Tab(id="about"), label=say("page.tab_about")) as about_tab:
                build_about_tab(client, words)
        for elsewhere in (restore_tab, about_tab):
            elsewhere.select(lambda: gr.Timer(active=False), None, panel_timer, queue=False, api_visibility="private")
        offer_programs(workshop, page)
        theme.click(None, None, None, js=TOGGLE_THEME, api_visibility="private")
        language.change(None, language, None, js=SPEAK, api_visibility="private")
        language.change(words.switch, language, words.components, api_visibility="private", show_progress="hidden")
        arrived = page.load(
            None,
            None,
            [language, tab.family, tab.task],
            js=f"() => dinArrive({choices.offered(workshop.tasks)}, {json.dumps(list(LANGUAGES))})",
            api_visibility="private",
        )
        events.wire(tab, workshop, language, page, arrived)
    threading.Thread(target=workshop.warm_up, name="warm-up", daemon=True).start()
    page.queue(max_size=limits.QUEUED_JOBS)
    sheets = ((ASSETS / name).read_text(encoding="utf-8") for name in ("page.css", "tabs.css"))
    styles = "".join(sheets) + choices.choice_styles(workshop.tasks)
    return Site(page, styles, scripts("page.js", "compare_view.js", "compare_look.js", "compare.js"))


def scripts(*names: str) -> str:
    """Scripts of ours as a part of the page's head, so that nothing is fetched."""
    texts = ((ASSETS / name).read_text(encoding="utf-8") for name in names)
    return "".join(f"<script>{text}</script>" for text in texts)


def look() -> gr.themes.Base:
    """Colours and type: no fonts but the system's, labels that do not shout."""
    return gr.themes.Soft(
        primary_hue="teal", font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]
    ).set(
        body_background_fill="*neutral_50",
        body_background_fill_dark="*neutral_950",
        color_accent="*primary_700",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_300",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_300",
        link_text_color="*primary_700",
        link_text_color_dark="*primary_300",
        block_border_width="1px",
        block_shadow="none",
        block_title_background_fill="none",
        block_title_background_fill_dark="none",
        block_title_padding="0",
        block_title_text_color="*body_text_color",
        block_title_text_color_dark="*body_text_color",
        block_label_background_fill="*background_fill_primary",
        block_label_background_fill_dark="*background_fill_primary",
        block_label_text_color="*body_text_color",
        block_label_text_color_dark="*body_text_color",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_hover_dark="*primary_800",
        checkbox_label_background_fill_selected="*primary_700",
        checkbox_label_background_fill_selected_dark="*primary_700",
        checkbox_background_color_selected="*primary_800",
        checkbox_background_color_selected_dark="*primary_800",
    )


def launch_page(site: Site, client: RestorationClient, host: str, port: int) -> None:
    """Starts serving a page and its health, in threads of its own; nothing is fetched from or sent to anywhere else."""
    files.sweep_always()
    with contextlib.redirect_stdout(io.StringIO()):  # where programs are served is told in the page's footer
        site.page.launch(
            server_name=host,
            server_port=port,
            prevent_thread_lock=True,
            show_error=True,
            quiet=True,
            share=False,
            ssr_mode=False,
            run_history=False,
            enable_monitoring=False,
            mcp_server=True,
            max_file_size=limits.MAX_UPLOAD,
            footer_links=["api"],
            css=site.styles,
            head=site.head,
            theme=look(),
            app_kwargs={"routes": [health_route(client)]},
        )
