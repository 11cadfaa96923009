"""Actions of visitors on the page."""

from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

WAIT_MS = 120_000


def bring(page: Page, *paths: Path) -> None:
    """Choose files; return when the page has read them."""
    clear = page.locator("#photos").get_by_label("Clear")
    if clear.count():
        clear.click()
        expect(page.locator("#uploaded")).to_have_text("")
    page.set_input_files("#photos input[type=file]", [str(path) for path in paths])
    expect(page.locator("#uploaded p").first).to_be_visible(timeout=WAIT_MS)


def choose(page: Page, family: str, task: str) -> None:
    page.locator(f"#family input[value={family}]").check()
    expect(page.locator(f"#task input[value={task}]")).to_be_visible()
    page.locator(f"#task input[value={task}]").check()


def click_example(page: Page, number: int, task: str) -> None:
    """Click one of a task's examples, counted from 1, when the page offers that task's."""
    expect(page.locator("#samples img").first).to_have_attribute("alt", f"Example 1: {task}", timeout=WAIT_MS)
    page.locator("#samples .thumbnail-lg").nth(number - 1).click()


def restore(page: Page) -> None:
    """Restores, and returns when it is done."""
    page.click("#restore")
    done(page)


def done(page: Page) -> None:
    expect(page.locator("#download")).to_be_enabled(timeout=WAIT_MS)
    expect(page.locator("#restore")).to_be_enabled(timeout=WAIT_MS)
    expect(page.locator("#report h3")).to_be_visible()


def download(page: Page, folder: Path) -> Path:
    with page.expect_download() as download:
        page.click("#download")
    target = folder / download.value.suggested_filename
    download.value.save_as(target)
    return target


def states(page: Page) -> list[dict[str, Any]]:
    """The states in the comparison, worst first."""
    shown: list[dict[str, Any]] = page.eval_on_selector("#comparison din-compare", "viewer => viewer.states")
    return shown


def labels(page: Page) -> list[str]:
    return [state["label"] for state in states(page)]
