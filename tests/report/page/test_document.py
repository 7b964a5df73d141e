"""The page as text: it holds all it needs, and what comes from a spec is text in it."""

import dataclasses
import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from initlab.errors import InputError
from initlab.report.page.document import page

pytestmark = pytest.mark.xdist_group("page")  # the sweep is made once

HOSTILE = "</script><img src=x onerror=alert(1)>\u2028 & \"'"


class Elements(HTMLParser):
    """Every start tag of a page, with its attributes."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))


@pytest.fixture(scope="module")
def hostile(swept):
    """A page whose every text is hostile."""
    runs = swept.source.runs.copy()
    runs.loc[0:2, "status"], runs.loc[0:2, "reason"] = "failed", HOSTILE
    paths = [HOSTILE if n < 3 else HOSTILE[::-1] for n in range(len(runs))]
    runs.insert(runs.columns.get_loc("seed"), "input.path", paths)
    environment = {"torch": HOSTILE, "host": HOSTILE, "runs": HOSTILE}
    provenance = {"command": ["x", HOSTILE], "git": {"revision": HOSTILE}, "started": HOSTILE,
                  "environments": [environment], "inputs": {HOSTILE: HOSTILE}}  # fmt: skip
    return page(
        [
            dataclasses.replace(
                swept.source, name=HOSTILE, about=HOSTILE, spec=HOSTILE, path=Path(HOSTILE),
                runs=runs, provenance=provenance, writer=HOSTILE,
            )
        ]
        * 2
    )  # fmt: skip


def test_what_is_hostile_makes_no_element(hostile):
    tags = [tag for tag, _ in Elements(hostile).found]
    assert tags.count("script") == 4, tags  # data, DataTables, Vega, ours
    assert "img" not in tags
    assert not any("onerror" in attributes for _, attributes in Elements(hostile).found)


def test_json_cannot_end_its_element_and_reads_back(hostile):
    text = re.search(r'id="data">(.*?)</script>', hostile, re.DOTALL)[1]
    assert not set(text) & set("<>&\u2028\u2029")
    labels = json.loads(text)["sweeps"][0]["points"]
    assert any("</script><img src=x onerror=alert(1)>" in label for label in labels)


def test_nothing_is_loaded(hostile):
    """Attributes that a browser follows lead into the page; its policy forbids the others."""
    found = Elements(hostile).found
    for tag, attributes in found:
        assert not {"src", "srcset", "data", "action", "poster"} & set(attributes), tag
        assert attributes.get("href", "#").startswith("#")
    style = re.search(r"<style>(.*?)</style>", hostile, re.DOTALL)[1]
    assert "url(" not in style
    assert "@import" not in style
    (policy,) = [a["content"] for _, a in found if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert {"base-uri 'none'", "form-action 'none'"} < set(policy.split("; "))  # not in default-src
    assert "http" not in policy


def test_several_sweeps_have_an_index_and_their_libraries_once(hostile):
    elements = Elements(hostile).found
    links = [a["href"] for tag, a in elements if tag == "a" and a["href"] != "#main"]
    identities = [a["id"] for _, a in elements if "id" in a]
    assert links == ["#sweep-0", "#sweep-1"]
    assert [a["data-sweep"] for tag, a in elements if tag == "section"] == ["2", "0", "1"]
    assert set(links) <= {f"#{name}" for name in identities}
    assert len(identities) == len(set(identities))


def test_a_missing_package_is_one_message(swept, monkeypatch):
    monkeypatch.setitem(sys.modules, "itables", None)
    with pytest.raises(InputError) as raised:
        page([swept.source])
    assert "needs the package itables" in raised.value.message
    assert raised.value.fix == "pip install 'initlab[plot]'"
