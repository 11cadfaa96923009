"""Hook of mkdocs: pages of the documentation's site that are made from files outside ``docs/``.

The README is the site's home, and the other files of ``IN_NAV`` are in its navigation. Every further file outside
``docs/`` that a page links to becomes a page too, so that links work on the site as they do in the repository: Markdown
is rendered, other text is shown as code, a folder is a list.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from griffe import Extension, Object
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
HOME = "README.md"
IN_NAV = (HOME, "CHANGELOG.md", "CONTRIBUTING.md")
LINK = re.compile(r"(?<=\]\()[^)\s]+")
CODE = re.compile(r"^(?P<fence>```+|~~~+).*?^(?P=fence)|`[^`\n]+`", re.MULTILINE | re.DOTALL)
ROLE = re.compile(r":(?:class|func|meth|mod|data|attr):`~?([^`]+)`")
LANGUAGES = {".py": "python", ".js": "javascript", ".toml": "toml"}  # of code, by suffix; others are plain text


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made from files outside ``docs/``."""
    pages = [f"docs/{file.src_uri}" for file in files.documentation_pages()]
    for path in outside([*IN_NAV, *pages]):
        content, place = page_text(path), page_of(path)
        if content is not None:
            files.append(File.generated(config, place, content=content, inclusion=InclusionLevel.NOT_IN_NAV))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point the links of a page below ``docs/`` to pages of the site."""
    return markdown if page.file.generated_by else with_links_to_pages(markdown, f"docs/{page.file.src_uri}")


def local_links(markdown: str) -> Iterator[re.Match[str]]:
    """Yield the targets of the links that are not to other sites; what looks like one within code is none."""
    code = [match.span() for match in CODE.finditer(markdown)]
    for match in LINK.finditer(markdown):
        is_code = any(start < match.start() < stop for start, stop in code)
        if not is_code and not re.match(r"[a-z]+:", match[0]):
            yield match


def target_of(link: str, path: str) -> str:
    """Return the path in the repository that a link of the file ``path`` leads to, without its anchor."""
    file, _, _ = link.partition("#")
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), file)) if file else path


def outside(paths: Iterable[str]) -> list[str]:
    """Return the files and folders outside ``docs/`` that are reached by links from these, which are in the repository.

    What a folder contains is reached with it.
    """
    found: dict[str, None] = {}
    left = list(paths)
    while left:
        path = left.pop()
        if path in found or not (ROOT / path).exists():  # mkdocs reports what is missing
            continue
        found[path] = None
        if (ROOT / path).is_dir():
            left += [f"{path}/{name}" for name in files_in(path)]
        elif path.endswith(".md"):
            left += [target_of(match[0], path) for match in local_links((ROOT / path).read_text())]
    return [path for path in found if not path.startswith("docs/")]


def files_in(folder: str) -> list[str]:
    """Return the names of the files in a folder of the repository."""
    return sorted(path.name for path in (ROOT / folder).iterdir() if path.is_file())


def page_of(path: str) -> str:
    """Return where the site has a file or folder of the repository, as a path below ``docs/``."""
    if path == HOME:
        return "index.md"
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    if (ROOT / path).is_dir():
        return f"{path}/index.md"
    return path if path.endswith(".md") else f"{path}.md"


def page_text(path: str) -> str | None:
    """Return the Markdown of the page that is made from a file or folder; None for a file that is not text."""
    if (ROOT / path).is_dir():
        items = (f"- [`{name}`]({name})" if is_text(ROOT / path / name) else f"- `{name}`" for name in files_in(path))
        return with_links_to_pages("\n".join([f"# `{path}/`", "", *items]), f"{path}/index.md")
    if not is_text(ROOT / path):
        return None
    text = (ROOT / path).read_text()
    if path.endswith(".md"):
        return with_links_to_pages(text, path)
    language = LANGUAGES.get(Path(path).suffix, "text")
    return f"---\nsearch:\n  exclude: true\n---\n# `{path}`\n\n``````{language}\n{text}\n``````\n"


def is_text(path: Path) -> bool:
    """Return whether a file is UTF-8."""
    try:
        path.read_text()
    except UnicodeDecodeError:
        return False
    return True


def with_links_to_pages(markdown: str, path: str) -> str:
    """Return the Markdown of the file ``path`` with its links leading to pages of the site."""
    parts, end = [], 0
    for match in local_links(markdown):
        file, hash_sign, anchor = match[0].partition("#")
        if file:
            file = os.path.relpath(page_of(target_of(file, path)), posixpath.dirname(page_of(path)) or ".")
        parts += [markdown[end : match.start()], file, hash_sign, anchor]
        end = match.end()
    return "".join([*parts, markdown[end:]])


class PlainRoles(Extension):
    """Extension of griffe: docstrings' roles of reStructuredText become code, and its ``::`` a colon."""

    def on_object(self, *, obj: Object, **_: object) -> None:
        """Change the docstring of an object."""
        if obj.docstring:
            obj.docstring.value = re.sub(r"::$", ":", ROLE.sub(r"`\1`", obj.docstring.value), flags=re.MULTILINE)
