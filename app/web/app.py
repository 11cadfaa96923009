"""The Gradio page: build and launch it."""

from __future__ import annotations

import json
import secrets
import threading

import gradio as gr
from starlette.middleware import Middleware

from app.client import RestorationClient, unavailable
from app.i18n import ENGLISH, LANGUAGES, say
from app.web import limits, storage
from app.web.about.tab import build_about_tab
from app.web.api import add_api
from app.web.bind import Words
from app.web.early_head import EarlyHead
from app.web.event_options import QUIET
from app.web.event_stream import LingeringStreams
from app.web.examples import EXAMPLES
from app.web.gate import KEY_HEADER, Gate
from app.web.gradio_compat import (
    keep_sessions_small,
    prepare_tools,
    refuse_foreign_files,
    take_files_alone,
    without_messages,
)
from app.web.health import health_route
from app.web.judge.api import add_judge_api
from app.web.judge.tab import ChoiceParts, wire_judge
from app.web.part.tab import wire_part
from app.web.restore import choices, handlers, intro
from app.web.restore.jobs import JobRunner
from app.web.restore.layout import lay_out
from app.web.server.tab import build_server_tab
from app.web.site import WEB, Site, scripts, styles
from app.web.theme import theme
from app.web.users import Users

STYLES = (
    "static/page.css",
    "judge/static/judge.css",
    "part/static/part.css",
    "server/static/server.css",
    "about/static/about.css",
)
SET_LANGUAGE = "(language) => dinSetLanguage(language)"
TOGGLE_THEME = """() => {
    document.body.classList.toggle('dark');
    document.body.style.background = 'var(--body-background-fill)';
}"""


def build_page(client: RestorationClient) -> Site:
    """Build the page.

    Args:
        client: connection to Triton; its tasks are read once.

    Raises:
        ServerUnavailableError: no server responds.
    """
    gr.set_static_paths([EXAMPLES, intro.FOLDER])  # otherwise Gradio copies the examples to the upload folder
    runner, words = JobRunner(client), Words()
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
            theme_button = words.bind(
                gr.Button(scale=0, min_width=120, size="sm", elem_id="theme"), value=say("page.theme")
            )
        for name, reason in client.broken().items():
            words.bind(gr.Markdown(elem_classes="din-warning"), value=unavailable(name, reason))
        with gr.Tabs() as tabs:
            with words.bind(gr.Tab(id="restore"), label=say("page.tab_restore")):
                tab = lay_out(runner, words)
            with words.bind(gr.Tab(id="server"), label=say("page.tab_server")) as server_tab:
                build_server_tab(client, words, language, tabs, server_tab)
            with words.bind(gr.Tab(id="about"), label=say("page.tab_about")):
                build_about_tab(client, words)
        add_api(runner, page)
        add_judge_api(runner, page)
        theme_button.click(None, None, None, js=TOGGLE_THEME, api_visibility="private")
        language.change(None, language, None, js=SET_LANGUAGE, api_visibility="private")
        language.change(words.switch, language, words.components, **QUIET)
        page.load(
            None,
            None,
            [language, tab.choice.family, tab.choice.task],
            js=f"() => dinReadAddress({choices.offered(runner.tasks)}, {json.dumps(list(LANGUAGES))})",
            **QUIET,  # "Loading..." over the chosen task is hardly legible
        )
        handlers.wire(tab, runner, language, page)
        choice = tab.choice
        wire_judge(
            tab.judge, ChoiceParts(tab.photos.files, choice.family, choice.task, choice.quality, language), runner, page
        )
        wire_part(tab, runner, language, page)
    threading.Thread(target=runner.warm_up, name="warm-up", daemon=True).start()
    page.queue(default_concurrency_limit=limits.CONCURRENT_EVENTS, max_size=limits.QUEUED_EVENTS)
    sheets = styles(*STYLES) + choices.choice_styles(runner.tasks)
    parts = (f"restore/static/{name}.js" for name in ("compare_view", "compare_look", "compare", "intro", "share"))
    head = intro.intro_head(runner.tasks) + scripts(
        "static/page.js", "static/sweep.js", *parts, "judge/static/judge.js", "part/static/part.js"
    )
    return Site(page, sheets, head)


def launch_page(site: Site, client: RestorationClient, host: str, port: int, users: Users | None = None) -> None:
    """Start serving a page and its health route in background threads, without any request to other hosts.

    Args:
        site: the page.
        client: connection to Triton.
        host, port: what to listen on.
        users: who may use the page, or None for everybody.
    """
    storage.start_sweeping()
    refuse_foreign_files(
        "URLs are not fetched here: send the photo itself.", "This file has not been uploaded: send the photo itself."
    )
    keep_sessions_small()
    take_files_alone("Send files, and nothing else.")
    key = secrets.token_urlsafe()
    with without_messages():  # the page's footer links to the API
        site.page.launch(
            server_name=host,
            server_port=port,
            prevent_thread_lock=True,
            _frontend=False,  # it has answered when it asks itself; on a busy machine this gives up after 3 s
            show_error=False,  # errors with a sentence for visitors are shown all the same, others would tell paths
            quiet=True,
            share=False,
            ssr_mode=False,
            run_history=False,
            enable_monitoring=False,
            mcp_server=True,
            max_file_size=f"{limits.MAX_UPLOAD_MB}mb",
            # Gradio tells screen readers this after each event, and has no text for it.
            i18n=gr.I18n(**{tag: {"common.complete": say("page.finished").into(tag)} for tag in LANGUAGES}),
            footer_links=["api"],
            pwa=True,
            favicon_path=str(WEB / "static/icon.svg"),
            css=site.styles,
            theme=theme(),
            app_kwargs={
                "routes": [health_route(client, limits.CLOSED.is_set)],
                "middleware": [
                    Middleware(Gate, users=users, key=key),
                    Middleware(LingeringStreams, page=site.page),
                    Middleware(EarlyHead, head=site.head),
                ],
            },
        )
    prepare_tools(site.page, {KEY_HEADER: key})
