"""Languages: from the browser, from the URL, and switched on the page."""

import pytest
from playwright.sync_api import expect

from app.i18n import LANGUAGES, Name, say
from tests.e2e.browser import PHONE
from tests.e2e.visitor import bring, labels, restore
from tests.support.files import png


def drop_here(tab):
    """The text in the empty field for photos."""
    field = tab.locator("#photos .upload-container .wrap")
    return field.evaluate("field => getComputedStyle(field, '::after').content").strip('"')


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_whole_page_is_in_the_browsers_language(visit, language, small_photo, tmp_path):
    tab = visit("?task=sr_x4", PHONE, locale={"zh": "zh-CN"}.get(language, language))
    expect(tab.locator("#restore")).to_have_text(say("page.restore").into(language))
    assert drop_here(tab) == say("page.drop").into(language)
    expect(tab.locator("#task label").nth(2)).to_have_text(Name("variant.sr_x4", english="4×").into(language))
    tab.click("#restore")
    expect(tab.get_by_test_id("toast-body")).to_contain_text(say("error.no_photo").into(language))
    (tmp_path / "photo.png").write_bytes(png(small_photo))
    bring(tab, tmp_path / "photo.png")
    restore(tab)
    assert labels(tab) == [
        say("report.bicubic").into(language),
        Name("task.sr_x4", english="Enlarge 4×").into(language),
    ]
    width = tab.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["viewport"]["width"], f"a phone's page is {width} pixels wide"
    if language != "en":
        visible = tab.locator("body").inner_text()
        for key in ("page.step_upload", "page.step_choose", "page.quality", "page.reference_test", "report.run_facts"):
            assert str(say(key)) not in visible
            assert say(key).into(language) in visible


def test_a_visitor_switches_and_keeps_what_is_there(visit, small_photo, tmp_path):
    tab = visit("?task=sr_x4", PHONE)
    (tmp_path / "photo.png").write_bytes(png(small_photo))
    bring(tab, tmp_path / "photo.png")
    restore(tab)
    tab.locator("#language input").click()
    tab.get_by_role("option", name="Español").click()
    expect(tab.locator("#restore")).to_have_text("Restaurar")
    expect(tab.locator("#report h3")).to_contain_text("Ampliar 4 veces")
    assert labels(tab) == ["Antes (bicúbica)", "Ampliar 4 veces"]
    w, h = small_photo.shape[1], small_photo.shape[0]
    expect(tab.locator("#uploaded")).to_have_text(str(say("page.uploaded", name="photo.png", w=w, h=h).into("es")))
    expect(tab.locator("#task input:checked")).to_have_value("sr_x4")
    assert tab.evaluate("document.documentElement.lang") == "es"
    tab.reload()
    expect(tab.locator("#restore")).to_have_text("Restaurar")  # remembered
    assert drop_here(tab) == say("page.drop").into("es")


def test_an_address_may_ask_for_language_and_task(visit):
    tab = visit("?task=derain_heavy&lang=fr")
    expect(tab.locator("#restore")).to_have_text("Restaurer")
    expect(tab.locator("#task input:checked")).to_have_value("derain_heavy")
    expect(tab.locator("#family input:checked")).to_have_value("derain")
    expect(tab.locator("#task label:visible").first).to_have_text("Je ne sais pas")
