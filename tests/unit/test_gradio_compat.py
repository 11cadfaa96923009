"""The parts of Gradio that are not its interface behave as app/web/gradio_compat.py says."""

import tracemalloc

import gradio as gr
import pytest
from gradio import state_holder

from app.web.gradio_compat import (
    accept_any,
    keep_sessions_small,
    set_properties,
    upload_folder,
    without_messages,
)
from tests.support.processes import run_async


def test_a_property_that_is_set_later_is_kept_in_a_visitors_copy():
    box = set_properties(gr.Textbox(), label="Later")
    assert box.get_config()["label"] == "Later"
    assert type(box)(**{**box.constructor_args, "render": False}).label == "Later"


def test_a_choice_that_is_not_offered_reaches_the_handler():
    strict, lenient = gr.Dropdown(["a"]), accept_any(gr.Dropdown(["a"]))
    with pytest.raises(gr.Error):
        strict.preprocess("b")
    assert lenient.preprocess("b") == "b"


def test_uploads_lie_where_gradio_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    assert upload_folder() == tmp_path


def test_what_is_printed_meanwhile_is_not_seen(capsys):
    with without_messages():
        print("an address")
    print("seen")
    assert capsys.readouterr().out == "seen\n"


async def bytes_of_a_visitor() -> float:
    """What Gradio allocates for a visitor of a page with 60 text fields, one of which is changed."""
    with gr.Blocks() as page:  # in an event loop, or Gradio would open some and leave them
        texts = [gr.Textbox("text " * 20, label=f"{number}") for number in range(60)]
    first = page.config["components"][0]["id"]
    visitors = state_holder.StateHolder()
    visitors.set_blocks(page)
    tracemalloc.start()
    try:
        for number in range(20):
            visitors[f"visitor {number}"][first] = texts[1]
        assert visitors["visitor 0"][first] is texts[1]
        return tracemalloc.get_traced_memory()[0] / 20
    finally:
        tracemalloc.stop()


def test_a_visitor_costs_the_page_little_memory(monkeypatch):
    monkeypatch.setattr(state_holder, "SessionState", state_holder.SessionState)  # restored at the end
    unchanged = run_async(bytes_of_a_visitor())
    keep_sessions_small()
    least = min(run_async(bytes_of_a_visitor()) for _ in range(3))  # other tests' threads allocate, too
    assert least < min(unchanged / 5, 10_000)
