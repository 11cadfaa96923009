"""Make the screenshots of the docs: ``python -m tools.screenshots [NAME ...]`` (needs the extra dev and Chromium).

A headless Chromium uses the page as a visitor does; the photos are the page's examples and those of scikit-image.
"""

import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import skimage.data
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from din_model import TASKS
from tests.e2e.browser import PHONE, chromium
from tests.e2e.visitor import bring, choose, click_example, done, restore
from tests.support.processes import running_page

ROOT = Path(__file__).parent.parent
IMAGES = ROOT / "docs" / "images"
PHOTOS = tempfile.TemporaryDirectory(prefix="din-screenshots-")  # deleted at exit
DESK: dict[str, Any] = {"viewport": {"width": 1440, "height": 1080}}
SCREEN: dict[str, Any] = {"viewport": {"width": 1280, "height": 720}}
SETTLED = """() => [...document.querySelectorAll('img')].every((image) => image.complete)"""


def desk(tab: Page) -> None:
    """Show an example with rain removed."""
    example(tab, "derain", "derain_light")


def dark(tab: Page) -> None:
    """Show three enlargements of a photo side by side, zoomed in, in dark mode."""
    small = example_file("sr_x4", "astronaut")
    bring(tab, small)
    for task, level, title in (
        ("sr_x4", "fast", "Enlarge 4×"),
        ("sr_x4", "finer", "finer"),
        ("sr_x2", "fast", "Enlarge 2×"),
    ):
        choose(tab, "enlarge", task)
        tab.locator(f"#quality label:has([value={level}])").click()
        tab.click("#restore")
        expect(tab.locator("#report h3")).to_contain_text(title, timeout=30_000)
    comparison = tab.locator("#comparison")
    comparison.get_by_role("button", name="Side by side").click()
    for _ in range(3):
        comparison.get_by_role("button", name="Zoom in").click()


def phone(tab: Page) -> None:
    """Show an enlarged example on a phone, scrolled to the comparison."""
    example(tab, "enlarge", "sr_x4")
    tab.wait_for_timeout(1500)  # the page scrolls to it
    tab.locator("#see").evaluate("column => column.scrollIntoView({ behavior: 'instant' })")


def reference_test(tab: Page) -> None:
    """Show a reference test."""
    bring(tab, saved("chelsea"))
    choose(tab, "enlarge", "sr_x4")
    tab.locator("#reference_test input").check()
    restore(tab)


def batch(tab: Page) -> None:
    """Show a job of several photos, one of them broken."""
    broken = saved("chelsea").with_name("broken.jpg")
    broken.write_bytes(b"no picture")
    bring(tab, saved("astronaut"), saved("chelsea"), broken, saved("coffee"), saved("rocket"))
    choose(tab, "enlarge", "sr_x2")
    restore(tab)


def server(tab: Page) -> None:
    """Show the server tab after a photo of many tiles."""
    example(tab, "derain", "derain_light")
    bring(tab, saved("astronaut"))
    choose(tab, "enlarge", "sr_x4")
    restore(tab)
    tab.get_by_role("tab", name="Server").click()
    expect(tab.locator("#panel table")).to_be_visible(timeout=20_000)
    tab.wait_for_timeout(5000)  # so that there is a line to see


def about(tab: Page) -> None:
    """Show the about tab."""
    tab.get_by_role("tab", name="About").click()
    expect(tab.locator("#network svg").first).to_be_visible()


def kiosk(tab: Page) -> None:
    """Show kiosk mode, in the middle of a sweep."""
    tab.locator(".frame").first.wait_for(timeout=60_000)
    tab.wait_for_timeout(1500)


@dataclass(frozen=True)
class Visit:
    """A screenshot to make.

    Attributes:
        act: brings the page into the state to show.
        device: Playwright's options for the device.
        address: query string of the URL.
        options: of the command that starts the page.
    """

    act: Callable[[Page], None]
    device: dict[str, Any]
    address: str = "?__theme=light"
    options: tuple[str, ...] = ()


VISITS = {
    "page_desk": Visit(desk, DESK),
    "page_dark": Visit(dark, DESK, "?__theme=dark"),
    "page_phone": Visit(phone, PHONE),
    "page_reference_test": Visit(reference_test, DESK),
    "page_batch": Visit(batch, DESK),
    "page_server": Visit(server, DESK),
    "page_about": Visit(about, DESK),
    "kiosk": Visit(kiosk, SCREEN, options=("--kiosk",)),
}


def example(tab: Page, family: str, task: str) -> None:
    """Restore a task's first example."""
    choose(tab, family, task)
    click_example(tab, 1, TASKS[task].label)
    done(tab)


def example_file(task: str, name: str) -> Path:
    """Return the path of one of the page's examples."""
    return ROOT / "app" / "examples" / task / f"{name}.png"


def saved(name: str) -> Path:
    """Write one of scikit-image's photos to a file; return its path."""
    path = Path(PHOTOS.name) / f"{name}.png"
    if not path.exists():
        Image.fromarray(getattr(skimage.data, name)()).save(path)
    return path


def take(name: str, visit: Visit, browser: Browser, url: str) -> None:
    """Make a screenshot."""
    tab = browser.new_context(**visit.device).new_page()
    tab.goto(f"{url}/{visit.address}")
    tab.wait_for_timeout(1500)  # until the events after loading are handled
    visit.act(tab)
    tab.wait_for_function(SETTLED)
    if visit.device is not PHONE:
        tab.evaluate("scrollTo(0, 0)")
    tab.mouse.move(0, 0)
    tab.wait_for_timeout(700)  # until transitions have ended
    tab.screenshot(path=IMAGES / f"{name}.jpg", type="jpeg", quality=85)
    print(IMAGES / f"{name}.jpg", flush=True)
    tab.context.close()


def main(names: list[str]) -> None:
    wanted = {name: visit for name, visit in VISITS.items() if not names or name in names}
    for options in dict.fromkeys(visit.options for visit in wanted.values()):
        with running_page(*options) as (url, _), sync_playwright() as playwright, chromium(playwright) as browser:
            for name, visit in wanted.items():
                if visit.options == options:
                    take(name, visit, browser, url)


if __name__ == "__main__":
    main(sys.argv[1:])
