"""The site of docs/: it is built without a warning, and what leads nowhere is one; nothing of it is fetched from elsewhere."""

import os
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
INDEX = "# Pages\n\n## How-to\n\n- [One](one.md): the first page\n- [Two](two.md): the second page\n"
ONE = "# One\n\nSee [two](two.md#a-heading-of-two).\n"
TWO = "# Two\n\n## A heading of two\n\n![A picture](site.png)\n\n<!-- api: autofunction tunecurve.load -->\n"
# What is wrong in a page, and what the build says of it.
FAULTS = {
    "a page that is not there": ("See [three](three.md).", "three"),
    "an anchor of another page": ("See [two](two.md#no-such-heading).", "no-such-heading"),
    "an anchor of the same page": ("See [here](#nowhere).", "nowhere"),
    "a picture": ("![Gone](gone.png)", "gone.png"),
    "a file of another folder": ("See [it](../examples/none.yaml).", "none.yaml"),
    "a public name": ("<!-- api: autofunction tunecurve.no_such_name -->", "no_such_name"),
}


class Addresses(HTMLParser):
    """What a browser fetches for a page by itself."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        if tag in ("script", "img", "iframe", "source", "video"):
            self.found += [values["src"]] if values.get("src") else []
        elif tag == "link" and values.get("rel") in ("stylesheet", "preload", "preconnect", "icon"):
            self.found += [values["href"]]


def build(pages, site):
    command = [
        "-m",
        "sphinx",
        "--quiet",
        "--fail-on-warning",
        "--keep-going",
        "-d",
        site.parent / "doctrees",
        pages,
        site,
    ]
    path = {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])}
    return subprocess.run(
        [sys.executable, *map(str, command)], capture_output=True, text=True, check=False, env={**os.environ, **path}
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Return the folder of the built site."""
    folder = tmp_path_factory.mktemp("site") / "html"
    built = build(DOCS, folder)
    assert built.returncode == 0, built.stderr
    return folder


@pytest.fixture
def pages(tmp_path):
    """Return a folder of two pages that refer to each other, with the settings of the site."""
    folder = tmp_path / "docs"
    folder.mkdir()
    for name in ("conf.py", "site.css"):
        shutil.copy(DOCS / name, folder)
    shutil.copy(DOCS / "curve.png", folder / "site.png")
    for name, text in {"index": INDEX, "one": ONE, "two": TWO}.items():
        (folder / f"{name}.md").write_text(text)
    return folder


def test_extras_are_installed_in_one_way():
    """The package is on no index: README alone says what the line is once it is."""
    text = {".md", ".ipynb", ".py"}
    pages = [
        path for folder in ("docs", "examples", "src") for path in (ROOT / folder).rglob("*") if path.suffix in text
    ]
    lines = [
        line for path in [*pages, ROOT / "CONTRIBUTING.md"] for line in path.read_text(encoding="utf-8").splitlines()
    ]
    installs = [line for line in lines if "pip install" in line]
    assert len([line for line in installs if "'.[" in line]) > 10
    assert [line for line in installs if "tunecurve[" in line] == []


def test_every_page_of_the_folder_is_on_the_site_and_in_its_navigation(site):
    index = (site / "index.html").read_text(encoding="utf-8")
    navigation = index.partition('class="sidebar-tree"')[2].partition("</aside>")[0]
    for page in sorted(DOCS.glob("*.md")):
        assert (site / f"{page.stem}.html").is_file()
        if page.stem != "index":
            assert f'href="{page.stem}.html"' in navigation, page.stem


def test_a_browser_fetches_nothing_from_elsewhere(site):
    for page in site.glob("*.html"):
        addresses = Addresses()
        addresses.feed(page.read_text(encoding="utf-8"))
        assert len(addresses.found) > 3
        assert [found for found in addresses.found if "//" in found] == []
    for style in site.glob("_static/**/*.css"):
        assert "url(http" not in style.read_text(encoding="utf-8").replace('"', "").replace("'", "")


def test_the_public_names_are_explained(site):
    import tunecurve

    page = (site / "api.html").read_text(encoding="utf-8")
    shown = set(tunecurve.__all__) - {"__version__", "plot"}  # Results.plot says all of plot
    assert [name for name in sorted(shown) if f'id="tunecurve.{name}"' not in page] == []


def test_pages_that_are_right_are_built(pages, tmp_path):
    built = build(pages, tmp_path / "site")
    assert (built.returncode, built.stderr) == (0, "")
    two = (tmp_path / "site" / "two.html").read_text(encoding="utf-8")
    assert "Return the results of a run folder" in two
    assert "<!-- api" not in two


def test_whatever_leads_nowhere_fails_the_build(pages, tmp_path):
    (pages / "one.md").write_text(ONE + "".join(f"\n{text}\n" for text, _ in FAULTS.values()))
    (pages / "unlisted.md").write_text("# A page that the index does not list\n")
    built = build(pages, tmp_path / "site")
    warnings = [line for line in built.stderr.splitlines() if "WARNING" in line]
    assert built.returncode != 0
    for fault, (_, named) in {**FAULTS, "a page that is not listed": ("", "unlisted.md")}.items():
        assert [line for line in warnings if named in line], (fault, built.stderr)
    assert len(warnings) == len(FAULTS) + 1
