"""The log as JSON."""

import json
import logging
import sys

from app import logs


def line(message, *arguments, exc_info=None):
    record = logging.LogRecord("app.web.gate", logging.WARNING, __file__, 1, message, arguments, exc_info)
    return json.loads(logs.JsonFormatter().format(record))


def test_a_line_has_time_level_logger_and_message():
    found = line('A "quoted" %s\nof two lines – ü', "text")
    assert found.pop("time").endswith("+00:00")
    assert found == {"level": "WARNING", "logger": "app.web.gate", "message": 'A "quoted" text\nof two lines – ü'}


def test_an_exception_has_its_kind_and_places_but_no_message():
    try:
        open("/nowhere/secret.png")  # noqa: PTH123, SIM115
    except OSError:
        found = line("It failed", exc_info=sys.exc_info())
    assert found["exception"] == "FileNotFoundError"
    assert [place.partition(":")[0] for place in found["at"]] == [__name__]
    assert "secret" not in json.dumps(found)
