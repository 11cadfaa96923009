"""A result is shared and copied where the browser can, told to those who do not see it, and the page is installable."""

import io
import re

import numpy as np
import pytest
import skimage.data
from PIL import Image
from playwright.sync_api import expect

from tests.e2e.axe import serious
from tests.e2e.browser import PHONE
from tests.e2e.visitor import WAIT_MS, bring, restore
from tests.support.files import png

# Sharing as on a phone: notes what was shared, or refuses as the script before it says.
PHONE_SHARES = """
    window.shared = [];
    navigator.canShare = () => true;
    navigator.share = async ({ files }) => {
        if (window.refused) throw new DOMException('no', window.refused);
        for (const file of files) window.shared.push({ name: file.name, type: file.type, size: file.size });
    };
"""
COPIED = """async () => {
    const [item] = await navigator.clipboard.read();
    const bytes = new Uint8Array(await (await item.getType('image/png')).arrayBuffer());
    return Array.from(bytes);
}"""


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "coffee.png"
    path.write_bytes(png(skimage.data.coffee()[:120, :160]))
    return path


def test_a_phone_shares_the_result(visit, photo):
    tab = visit("?task=sr_x2", PHONE, script=PHONE_SHARES)
    expect(tab.locator("#share")).to_be_hidden()  # there is nothing yet
    bring(tab, photo)
    restore(tab)
    assert serious(tab) == []
    tab.locator("#share").click()
    tab.wait_for_function("window.shared.length")
    (shared,) = tab.evaluate("window.shared")
    assert shared["name"] == "coffee_sr_x2.png"
    assert shared["type"] == "image/png"
    assert shared["size"] > 1000
    tab.evaluate("window.refused = 'AbortError'")  # the visitor has changed their mind
    tab.locator("#share").click()
    expect(tab.locator("#progress")).to_have_text("")
    tab.evaluate("window.refused = 'NotAllowedError'")
    tab.locator("#share").click()
    expect(tab.locator("#progress")).to_contain_text("use Download")


@pytest.mark.parametrize("format_label", ["PNG", "JPEG"])
def test_the_result_is_copied_as_png(visit, photo, format_label):
    tab = visit("?task=sr_x2", permissions=["clipboard-read", "clipboard-write"])
    expect(tab.locator("#share")).to_be_hidden()  # this browser does not share
    bring(tab, photo)
    restore(tab)
    tab.locator("#format").get_by_label(format_label, exact=True).check()
    expect(tab.locator("#download")).to_be_enabled(timeout=WAIT_MS)
    tab.locator("#copy").click()
    expect(tab.locator("#progress")).to_contain_text("in the clipboard", timeout=WAIT_MS)
    copied = Image.open(io.BytesIO(bytes(tab.evaluate(COPIED))))
    assert copied.size == (320, 240)
    assert np.asarray(copied.convert("RGB")).std() > 20


def test_a_browser_that_refuses_to_copy_says_so(visit, photo):
    tab = visit("?task=sr_x2", script="navigator.clipboard.write = async () => { throw new Error('no'); };")
    bring(tab, photo)
    restore(tab)
    tab.locator("#copy").click()
    expect(tab.locator("#progress")).to_contain_text("use Download")


def test_what_has_changed_is_told_to_screen_readers(visit, photo):
    tab = visit("?task=sr_x2")
    bring(tab, photo)
    restore(tab)
    told = tab.locator("#comparison din-compare #change")
    expect(told).to_have_attribute("role", "status")
    expect(told).to_have_text(re.compile(r"Enlarge 2×: Detail [+−]\d+%, contrast [+−]\d+%, brightness [+−]\d+%"))
    described = tab.locator("#comparison din-compare .stage").get_attribute("aria-describedby")
    assert "change" in described.split()
    tab.locator("#report summary").click()
    expect(tab.locator("#report tr").first).to_contain_text("Change")
    expect(tab.locator("#report tr").first).to_contain_text("brightness")


def test_the_page_is_installable(visit):
    tab = visit()
    devtools = tab.context.new_cdp_session(tab)
    manifest = devtools.send("Page.getAppManifest")
    assert manifest["errors"] == []
    assert manifest["url"].endswith("/manifest.json")
    assert '"DIN' in manifest["data"]
    obstacles = [error["errorId"] for error in devtools.send("Page.getInstallabilityErrors")["installabilityErrors"]]
    assert obstacles == ["in-incognito"]  # as every tab of these tests is
