"""The page in a browser, as a visitor at a desk or with a phone has it."""

import re

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.e2e.browser import DESK, PHONE, chromium

expect.set_options(timeout=20_000)  # beside other tests


@pytest.fixture(scope="package")
def browser():
    """One Chromium for the tests of this folder: while it is open, no other event loop can run in the main thread."""
    with sync_playwright() as playwright, chromium(playwright) as started:
        yield started


HAS_FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    """Note whether a test has failed, for its fixtures."""
    report = yield
    item.stash[HAS_FAILED] = item.stash.get(HAS_FAILED, False) or report.failed
    return report


@pytest.fixture
def visit(browser, served_page, request):
    """Open the page in a new tab, with a script before its own; requests to other hosts fail the test.

    After a failure it prints what the tabs show and what the page's process has said last.
    """
    page_url, process = served_page
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
    if request.node.stash[HAS_FAILED]:
        for tab in (tab for context in contexts for tab in context.pages):
            print(f"{tab.url} shows:", tab.locator("body").inner_text(), sep="\n")
        print("The page's process said:", *process.said().splitlines()[-30:], sep="\n")
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
