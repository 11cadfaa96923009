"""The page's HTML and SVG as trees, so that tests find what they mean and not where it stands in a string."""

import xml.etree.ElementTree as ET


def parse(html):
    """The elements of a fragment below one root. The page's templates are well-formed XML; what is not fails here."""
    return ET.fromstring(f"<root>{html}</root>")


def text(element):
    """All text in an element, with single spaces."""
    return " ".join("".join(element.itertext()).split())


def texts(root, path):
    """The text of each element at an ElementTree path."""
    return [text(element) for element in root.findall(path)]


def element(root, path):
    """The only element at an ElementTree path."""
    (found,) = root.findall(path)
    return found
