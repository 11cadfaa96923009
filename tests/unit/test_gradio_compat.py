"""The parts of Gradio that are not its interface behave as app/web/gradio_compat.py says."""

import gradio as gr
import pytest

from app.web.gradio_compat import accept_any, set_properties, upload_folder, without_messages


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
