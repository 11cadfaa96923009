"""The introduction's part of the head, and how it gets into the HTML."""

import json
import re
from dataclasses import replace

import pytest

from app.i18n import LANGUAGES
from app.web.early_head import EarlyHead
from app.web.restore.intro import intro_head, read_pairs
from tests.support.processes import run_async
from tests.support.served import TASK

ENLARGE = replace(TASK, name="sr_x4", label="</script><script>alert(1)</script>")
HTML = b"<html><head><title>x</title></head><body>y</body></html>"


def shown(tasks):
    (data,) = re.findall(r"window\.dinIntro = (.*);</script>", intro_head(tasks))
    return json.loads(data)


def test_pairs_whose_task_is_served_are_shown_with_their_files_and_authors():
    intro = shown({"sr_x4": ENLARGE, "sr_x2": TASK})
    (pair,) = intro["pairs"]
    assert (pair["family"], pair["tasks"]) == ("enlarge", ["sr_x4", "sr_x2"])
    assert [pair["width"], pair["height"]] == [336, 224]
    assert set(intro["texts"]) == set(LANGUAGES)
    assert intro["texts"]["en"]["pairs"][0]["credit"].startswith("Photo: NASA, Public Domain;")
    for known in read_pairs():
        assert known.before.is_file()
        assert known.after.is_file()
        assert known.source.startswith("https://")


def test_without_such_a_task_there_is_no_introduction():
    assert intro_head({"sr_x2": TASK}) == ""


def test_labels_cannot_end_the_script():
    head = intro_head({"sr_x4": ENLARGE})
    assert head.count("<script") == head.count("</script>") == 1
    assert shown({"sr_x4": ENLARGE})["texts"]["en"]["pairs"][0]["after"] == ENLARGE.label


def get(path, parts, method="GET", scheme="http"):
    """Ask an app that answers with these parts of a body; return what is sent."""
    sent = []

    async def app(scope, receive, send):
        headers = [(b"content-type", b"text/html"), (b"content-length", str(len(b"".join(parts))).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for number, part in enumerate(parts, 1):
            await send({"type": "http.response.body", "body": part, "more_body": number < len(parts)})

    async def send(message):
        sent.append(message)

    run_async(EarlyHead(app, "<i>é</i>")({"type": scheme, "path": path, "method": method}, None, send))
    return sent


@pytest.mark.parametrize("parts", [[HTML], [HTML[:20], HTML[20:]]])
def test_elements_are_put_at_the_end_of_the_head(parts):
    start, body = get("/", parts)
    assert body["body"] == HTML.replace(b"</head>", "<i>é</i></head>".encode())
    assert dict(start["headers"])[b"content-length"] == str(len(body["body"])).encode()


@pytest.mark.parametrize(("path", "method"), [("/config", "GET"), ("/", "HEAD")])
def test_other_answers_stay(path, method):
    assert [message.get("body") for message in get(path, [HTML], method)] == [None, HTML]
