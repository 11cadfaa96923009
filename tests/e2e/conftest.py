"""The page in a browser, as a visitor at a desk or with a phone has it."""

import re

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.e2e.browser import DESK, PHONE, chromium


@pytest.fixture(scope="package")
def browser():
    """One Chromium for the tests of this folder: while it is open, no other event loop can run in the main thread."""
    with sync_playwright() as playwright, chromium(playwright) as started:
        yield started


@pytest.fixture
def visit(browser, page_url):
    """Open the page in a new tab, with a script before its own; requests to other hosts fail the test."""
    contexts, asked = [], set()

    def open_page(address="", device=DESK, url=page_url, script="", **options):
        context = browser.new_context(accept_downloads=True, **{**device, **options})
        contexts.append(context)
        tab = context.new_page()
        tab.add_init_script(script)
        tab.errors = []
        tab.on("request", lambda request: asked.add(re.sub(r"^\w+:/*([^/:]*).*", r"\1", request.url)))
        tab.on("pageerror", lambda error: tab.errors.append(str(error)))
        tab.goto(f"{url}/{address}")
        expect(tab.locator("#restore")).to_be_visible()
        expect(tab.locator("#task input:checked")).to_have_count(1)
        return tab

    yield open_page
    for context in contexts:
        assert [error for tab in context.pages for error in getattr(tab, "errors", [])] == []
        context.close()
    # Pictures inlined in the page count as a host by the first letters of their address.
    assert {host for host in asked if not host.startswith(("image", "blob"))} <= {"127.0.0.1"}, (
        "it asked an outside host"
    )


@pytest.fixture(params=[DESK, PHONE], ids=["desk", "phone"])
def page(visit, request):
    """The page on either device, with enlarging four times chosen."""
    tab = visit("?task=sr_x4", request.param)
    expect(tab.locator("#task input[value=sr_x4]")).to_be_checked()
    return tab


@pytest.fixture
def desk(visit):
    tab = visit("?task=sr_x4")
    expect(tab.locator("#task input[value=sr_x4]")).to_be_checked()
    return tab
