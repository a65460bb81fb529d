"""The site builds without a warning, and each of its links leads somewhere."""

import html.parser
import pathlib
import urllib.parse

import pytest

from keras_multigrid.applications import list_models
from tests.pages import reading

sphinx = pytest.importorskip("sphinx.cmd.build")


class Page(html.parser.HTMLParser):
    """What a page links to, and the places in it that can be linked to."""

    def __init__(self, path):
        super().__init__()
        self.links, self.places = [], {""}
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.places.add(attributes.get("id", ""))
        self.links += [
            attributes[name]
            for name in ("href", "src")
            if attributes.get(name) and tag in ("a", "img")
        ]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the built site."""
    folder = tmp_path_factory.mktemp("site")
    source = str(reading.ROOT / "docs")
    trees = str(folder / "trees")
    assert sphinx.main(["-W", "-q", "-d", trees, source, str(folder / "html")]) == 0
    return folder / "html"


def test_each_link_leads_somewhere(site):
    pages = {path: Page(path) for path in site.rglob("*.html")}
    broken = []
    for path, page in pages.items():
        for link in page.links:
            found = urllib.parse.urlsplit(link)
            if found.scheme or found.netloc:
                continue
            target = pathlib.Path(path.parent, urllib.parse.unquote(found.path)).resolve()
            target = path if not found.path else target
            there = target.is_file()
            if there and target in pages:
                there = urllib.parse.unquote(found.fragment) in pages[target].places
            broken += [] if there else [(path.name, link)]
    assert broken == []
    assert len(pages) > 50


def test_tables_are_made_of_the_package(site):
    text = (site / "reference/networks.html").read_text()
    assert all(f">{name}<" in text for name in list_models())
