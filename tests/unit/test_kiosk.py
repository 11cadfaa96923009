"""The kiosk's handlers: the visitor's language, the slideshow as it fills, and a visitor's photo."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from app.errors import ServerError
from app.i18n import ENGLISH, say
from app.pipeline.restore import Step
from app.web import limits, storage
from app.web.kiosk.handlers import WORDS, Handlers, kiosk_value, step_value
from app.web.kiosk.page import lay_out
from app.web.kiosk.phones import MOST_PAIRS, Phones, Role
from app.web.kiosk.slideshow import Pair, Slideshow
from tests.support.clients import NearestClient
from tests.support.files import png
from tests.support.served import DEHAZE, TASK

WHOLE = replace(TASK, networks=(replace(TASK.networks[0], whole_pixels=10**6),))


class KioskClient(NearestClient):
    def tasks(self):
        return {WHOLE.name: WHOLE, DEHAZE.name: replace(DEHAZE, family="dehaze")}


@pytest.fixture
def client(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    return KioskClient()


@pytest.fixture
def slideshow(client):
    return Slideshow(client)


@pytest.fixture
def kiosk(slideshow, monkeypatch):
    """The handlers and the components that they update; nothing is restored in the background.

    Instead of a page's queue there are ``jobs`` for each visitor: Gradio leaves open what it makes for a page.
    """
    parts, page = lay_out(slideshow), SimpleNamespace(jobs={"1.2.3.4": 1})
    monkeypatch.setattr(limits, "jobs_of", lambda visitor, page: page.jobs.get(visitor, 0))
    monkeypatch.setattr(limits, "jobs", lambda page: sum(page.jobs.values()))
    phones = Phones("http://192.0.2.7:7861")
    return SimpleNamespace(
        handlers=Handlers(parts, slideshow, page),
        with_phones=Handlers(parts, slideshow, page, phones),
        phones=phones,
        parts=parts,
        page=page,
    )


@pytest.fixture
def pair():
    folder = storage.new_folder()
    return Pair(TASK, folder / "before.jpg", folder / "after.jpg", ((60, 84), (120, 168)))


def visitor(**facts):
    return gr.Request(**{"query_params": {}, "headers": {}, "client": SimpleNamespace(host="1.2.3.4"), **facts})


def admit(kiosk, path, family="enlarge", number=1, language=ENGLISH):
    data = gr.EventData(None, {"path": str(path), "family": family, "number": number})
    return kiosk.handlers.admit(language, data, visitor())[kiosk.parts.taken]


def take(kiosk, path, family="enlarge", number=1, language=ENGLISH):
    """Restore a photo; return what is said about it."""
    return answers(kiosk, admit(kiosk, path, family, number, language), language)


def answers(kiosk, taken, language=ENGLISH, role=Role.VISITOR):
    updates = list(kiosk.handlers.restore(taken, language, role, visitor()))
    assert all(list(update) == [kiosk.parts.kiosk] for update in updates)
    assert not list(kiosk.handlers.restore(taken, language, role, visitor()))  # once
    return [update[kiosk.parts.kiosk].props["answer"] for update in updates]


@pytest.fixture
def upload(client, small_photo):
    path = storage.new_folder() / "face.png"
    path.write_bytes(png(small_photo))
    return path


@pytest.mark.parametrize(
    ("facts", "tag"),
    [
        ({"query_params": {"lang": "de"}, "headers": {"accept-language": "fr"}}, "de"),
        ({"headers": {"accept-language": "fr-CH, en;q=0.5"}}, "fr"),
        ({"query_params": {"lang": "tlh"}}, ENGLISH),
        ({}, ENGLISH),
    ],
)
def test_a_visitor_is_greeted_in_the_language_of_the_address_or_else_the_browser(kiosk, slideshow, facts, tag):
    update = kiosk.handlers.arrive(visitor(**facts))
    expected = {kiosk.parts.language: tag, kiosk.parts.role: Role.VISITOR}
    assert update == expected | {kiosk.parts.kiosk: kiosk_value(slideshow, tag)}
    assert update[kiosk.parts.kiosk]["language"] == tag
    assert update[kiosk.parts.kiosk]["texts"]["before"] == say("kiosk.before").into(tag)


def test_all_words_and_families_are_told(slideshow):
    told: dict[str, Any] = kiosk_value(slideshow, "de")
    assert told["texts"].keys() == {*WORDS, "not_sent"}
    assert [family["name"] for family in told["families"]] == ["enlarge", "dehaze"]
    assert told["notice"] == ""
    assert {".j2k", ".tif"} < set(told["accept"].split(","))
    assert "64 MB" in told["texts"]["not_sent"]


def test_the_slideshow_is_refreshed_until_all_examples_are_restored(kiosk, slideshow, pair):
    slideshow.pairs = (pair,)
    update = kiosk.handlers.refresh("de", Role.VISITOR)
    (told,) = update[kiosk.parts.kiosk]["pairs"]
    assert told["before"] == storage.url(pair.before)
    assert told["label"] == "2-fach vergrößern"
    assert told["caption"] == say("kiosk.enlarged", w=84, h=60, wide=168, high=120).into("de")
    assert update[kiosk.parts.timer].active
    slideshow.is_done = True
    assert not kiosk.handlers.refresh("de", Role.VISITOR)[kiosk.parts.timer].active


def test_a_pair_that_comes_while_the_page_is_refreshed_is_not_missed(kiosk, slideshow, pair):
    """The timer stops only if the slideshow was already done when its pairs were read."""

    class Finishing:
        tasks, error = slideshow.tasks, None
        pairs: tuple[Pair, ...] = ()

        @property
        def is_done(self):
            done, self.pairs = bool(self.pairs), (pair,)  # finished right after it was asked
            return done

    handlers = Handlers(kiosk.parts, Finishing(), kiosk.page)
    first, second = (handlers.refresh(ENGLISH, Role.VISITOR) for _ in range(2))
    assert [update[kiosk.parts.timer].active for update in (first, second)] == [True, False]
    assert len(second[kiosk.parts.kiosk]["pairs"]) == 1


def test_the_notice_says_why_examples_are_missing(kiosk, slideshow):
    slideshow.error = ServerError(say("error.server_away"))
    told = kiosk.handlers.refresh("de", Role.VISITOR)[kiosk.parts.kiosk]
    assert told["notice"] == say("error.server_away").into("de")


def test_progress_is_told_as_a_text_and_a_share():
    assert step_value(Step(3, 12), ENGLISH) == {
        "text": say("kiosk.tiles", done=3, total=12).into(ENGLISH),
        "share": 0.25,
    }
    waiting = step_value(Step(3, 12, is_waiting=True), "de")
    assert waiting == {"text": say("progress.waiting").into("de"), "share": 0.25}


def test_a_photo_is_answered_with_progress_and_then_its_pair(kiosk, upload):
    *steps, last = take(kiosk, upload, number=7)
    assert [step["progress"]["share"] for step in steps] == [0.0, 1.0]
    assert last["pair"]["life_s"] == storage.CACHE_AGE_S - storage.CACHE_SWEEP_S
    assert last["pair"]["caption"] == say("kiosk.enlarged", w=84, h=60, wide=168, high=120).into(ENGLISH)
    assert {answer["number"] for answer in (*steps, last)} == {7}


def test_a_photo_that_cannot_be_restored_is_answered_with_the_reason(kiosk, upload, tmp_path, client):
    (refused,) = take(kiosk, upload, family="paint", number=2)
    assert (refused["number"], "no task 'paint'" in refused["failure"]) == (2, True)
    (foreign,) = take(kiosk, "/etc/hostname", language="de")
    assert foreign["failure"] == say("kiosk.not_ours").into("de")
    (upload.parent / "noise.png").write_bytes(b"noise")
    (broken,) = take(kiosk, upload.parent / "noise.png")
    assert "failure" in broken
    client.fail_at = 0
    assert take(kiosk, upload)[-1]["failure"] == "refused"


def test_a_visitor_with_too_many_photos_is_told_so_and_nothing_is_restored(kiosk, upload, client):
    first, second = (admit(kiosk, upload) for _ in range(2))
    kiosk.page.jobs["1.2.3.4"] = limits.VISITOR_JOBS + 1
    (refused,) = answers(kiosk, first)
    assert refused["failure"] == say("error.many_jobs", limit=limits.VISITOR_JOBS).into(ENGLISH)
    assert not client.futures
    kiosk.page.jobs["1.2.3.4"] = limits.VISITOR_JOBS  # this photo is one of them
    assert "pair" in answers(kiosk, second)[-1]
    with pytest.raises(gr.Error, match="4 jobs waiting"):
        admit(kiosk, upload)
    kiosk.page.jobs.update({"1.2.3.4": 0, "others": limits.QUEUED_JOBS})
    with pytest.raises(gr.Error, match="busy"):
        admit(kiosk, upload)


@pytest.mark.parametrize(
    ("host", "key", "role"),
    [
        ("127.0.0.1", None, Role.STAGE),
        ("::1", None, Role.STAGE),
        ("192.0.2.9", None, Role.VISITOR),  # who has not seen the screen does not get the code either
        ("192.0.2.9", "right", Role.PHONE),
        ("192.0.2.9", "wrong", Role.LATE),
        ("192.0.2.9", "", Role.LATE),
    ],
)
def test_the_key_in_the_code_makes_a_phone(host, key, role, kiosk):
    asked = {} if key is None else {"send": kiosk.phones.key if key == "right" else key}
    update = kiosk.with_phones.arrive(visitor(query_params=asked, client=SimpleNamespace(host=host)))
    assert update[kiosk.parts.role] is role
    told = update[kiosk.parts.kiosk]
    assert (told["code"] is not None) == (role is Role.STAGE)
    assert told["notice"] == (str(say("kiosk.old_code")) if role is Role.LATE else "")


def test_without_phones_a_key_means_nothing(kiosk):
    update = kiosk.handlers.arrive(visitor(query_params={"send": kiosk.phones.key}))
    assert update[kiosk.parts.role] is Role.VISITOR


@pytest.mark.parametrize(("role", "is_sent"), [(Role.PHONE, True), (Role.VISITOR, False), (Role.LATE, False)])
def test_what_a_phone_takes_is_on_the_big_screen_and_nothing_else_is(role, is_sent, kiosk, upload):
    kiosk.handlers = kiosk.with_phones
    answer = answers(kiosk, admit(kiosk, upload), role=role)[-1]
    assert answer["is_on_screen"] is is_sent
    shown = kiosk.handlers.refresh(ENGLISH, Role.STAGE)[kiosk.parts.kiosk]["sent"]
    assert [pair["after"] for pair in shown] == ([answer["pair"]["after"]] if is_sent else [])
    assert kiosk.handlers.refresh(ENGLISH, Role.PHONE)[kiosk.parts.kiosk]["sent"] == []


def test_the_big_screen_is_refreshed_as_long_as_phones_may_send(kiosk, slideshow):
    slideshow.is_done = True
    timers = [kiosk.with_phones.refresh(ENGLISH, role)[kiosk.parts.timer].active for role in (Role.STAGE, Role.PHONE)]
    assert timers == [True, False]


def test_the_operator_alone_removes_what_a_phone_has_sent(kiosk, pair):
    kiosk.phones.send(pair, 60)
    data = gr.EventData(None, {"picture": storage.url(pair.after)})
    for role, left in ((Role.PHONE, 1), (Role.VISITOR, 1), (Role.STAGE, 0)):
        kiosk.with_phones.withdraw(role, data)
        assert len(kiosk.phones.sent()) == left


def test_what_is_sent_leaves_in_time_and_when_it_is_too_much(kiosk, pair):
    kiosk.phones.send(pair, -1)
    assert kiosk.phones.sent() == []
    pairs = [replace(pair, after=pair.after.with_name(f"{i}.jpg")) for i in range(MOST_PAIRS + 1)]
    for one in pairs:
        kiosk.phones.send(one, 60)
    assert [one for one, _ in kiosk.phones.sent()] == pairs[:0:-1]
