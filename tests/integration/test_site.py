"""The documentation's site builds without a warning and takes nothing from other hosts."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest

from tests.support.files import ROOT

MODULES = ("app.client", "app.pipeline.restore", "din_model.network", "din_model.train", "imaging.metrics")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert built.returncode == 0, built.stderr
    return folder


class Fetched(HTMLParser):
    """The addresses that a browser fetches to show a page: those of all elements but links to follow."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        if tag != "a":
            self.addresses += [value for name, value in attrs if name in ("src", "href", "srcset", "data") and value]


def test_nothing_is_fetched_from_other_hosts(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 30
    for page in pages:
        addresses = Fetched(page.read_text()).addresses
        assert any(address.endswith(".js") for address in addresses)
        assert [a for a in addresses if re.match(r"(https?:)?//", a)] == [], page
    sheets = list(site.rglob("*.css"))
    assert sheets
    for sheet in sheets:
        assert re.findall(r"""(?:url\(|@import)\s*["']?(?:https?:)?//""", sheet.read_text()) == [], sheet


def test_links_to_pages_and_pictures_lead_to_files(site):
    for page in site.rglob("*.html"):
        for link in re.findall(r'\s(?:href|src)="?([^"# >]+)', page.read_text()):
            if page.name != "404.html" and not re.match(r"[a-z]+:", link):
                assert (page.parent / link).exists(), f"{page.relative_to(site)} links to {link}"


@pytest.mark.parametrize("module", MODULES)
def test_the_reference_has_its_modules(site, module):
    headings = {
        heading
        for page in (site / "reference").glob("*.html")
        for heading in re.findall(r'id="([\w.]+)"', page.read_text())
    }
    assert module in headings
    assert any(heading.startswith(f"{module}.") for heading in headings)


def test_the_readme_is_the_home_page(site):
    assert "make demo" in (site / "index.html").read_text()
