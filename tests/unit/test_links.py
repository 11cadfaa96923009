"""Links between the Markdown files of the repository, as GitHub shows them, and how they lead on the site."""

import re
from collections import Counter

import pytest

from tests.support.files import ROOT
from tools.docs_site import CODE, local_links, page_of, page_text, with_links_to_pages

BUILT = {"build", "site", "runs", "out"}
FOLDERS = [path for path in ROOT.iterdir() if path.is_dir() and path.name[0] != "." and path.name not in BUILT]
MARKDOWN = sorted([*ROOT.glob("*.md"), *(path for folder in FOLDERS for path in folder.rglob("*.md"))])


def anchors(markdown):
    """The anchors that GitHub gives to the headings."""
    fenced = re.compile(r"^(```+|~~~+).*?^\1", re.MULTILINE | re.DOTALL)
    seen: Counter[str] = Counter()
    for heading in re.findall(r"^#+ +(.*)$", fenced.sub("", markdown), re.MULTILINE):
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        slug = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        yield f"{slug}-{seen[slug]}" if seen[slug] else slug
        seen[slug] += 1


def broken_links(path):
    for match in local_links(path.read_text()):
        file, _, anchor = match[0].partition("#")
        target = path.parent / file if file else path
        is_found = target.exists() and target.resolve().is_relative_to(ROOT)
        if not is_found or (anchor and anchor not in anchors(target.read_text())):
            yield match[0]


def test_the_markdown_files_are_found():
    names = {path.relative_to(ROOT).as_posix() for path in MARKDOWN}
    assert {"README.md", "CHANGELOG.md", "docs/grpc.md", "docs/decisions/README.md"} < names
    assert len(list((ROOT / "din_model/weights").glob("*.md"))) == sum(
        n.startswith("din_model/weights/") for n in names
    )


@pytest.mark.parametrize("path", MARKDOWN, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path):
    assert list(broken_links(path)) == []


def test_a_broken_link_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr("tests.unit.test_links.ROOT", tmp_path)
    (tmp_path / "other.md").write_text("# A heading, `coded`\n## Again\n## Again\n```\n# none\n```\n")
    page = tmp_path / "page.md"
    page.write_text(
        "[a](other.md) [b](other.md#a-heading-coded) [c](other.md#again-1) [d](https://example.org/x.md)\n"
        "[e](missing.md) [f](other.md#none) [g](#here) `[h](missing.md)`\n```\n[i](missing.md)\n```\n"
        "[j](../outside.md)\n# Here\n"
    )
    (tmp_path.parent / "outside.md").touch()
    assert list(broken_links(page)) == ["missing.md", "other.md#none", "../outside.md"]


def test_what_is_code_holds_no_links():
    assert [match[0] for match in CODE.finditer("a `b` c\n````\n```\n````\nd")] == ["`b`", "````\n```\n````"]


@pytest.mark.parametrize(
    ("path", "link", "on_the_site"),
    [
        ("docs/page.md", "grpc.md#limits-and-errors", "grpc.md#limits-and-errors"),
        ("docs/page.md", "#privacy-and-fairness", "#privacy-and-fairness"),
        ("docs/page.md", "images/kiosk.jpg", "images/kiosk.jpg"),
        ("docs/page.md", "../README.md", "index.md"),
        ("docs/decisions/README.md", "../../CHANGELOG.md", "../CHANGELOG.md"),
        ("docs/page.md", "../app/cli.py", "app/cli.py.md"),
        ("docs/page.md", "../benchmarks", "benchmarks/index.md"),
        ("README.md", "docs/images/kiosk.jpg", "images/kiosk.jpg"),
        ("README.md", "din_model/weights", "din_model/weights/index.md"),
        ("din_model/weights/a.md", "../../docs/results.md", "../../results.md"),
        ("docs/page.md", "https://example.org/a.md", "https://example.org/a.md"),
    ],
)
def test_links_on_the_site(path, link, on_the_site):
    assert (
        with_links_to_pages(f"see [it]({link}) and `[it]({link})`", path)
        == f"see [it]({on_the_site}) and `[it]({link})`"
    )


def test_pages_made_from_files():
    assert page_text("din_model/weights/sr_x4-din_64.safetensors") is None
    assert (ROOT / "app/cli.py").read_text() in str(page_text("app/cli.py"))
    listed = str(page_text("din_model/weights"))
    assert "- [`sr_x4-din_64.md`](sr_x4-din_64.md)\n- `sr_x4-din_64.safetensors`\n" in listed
    assert "- [`page.py`](page.py.md)" in str(page_text("benchmarks"))
    assert page_of("docs/decisions/README.md") == "decisions/README.md"


def test_the_architecture_names_what_is_in_the_files():
    page = (ROOT / "docs/architecture.md").read_text()
    named = re.findall(r"`(\w+)`(?: and `(\w+)`)? (?:in|of) \[`[^`]+`\]\(\.\./([^)]+)\)", page)
    assert len(named) > 6
    for *names, path in named:
        assert all(name in (ROOT / path).read_text() for name in names), (names, path)
