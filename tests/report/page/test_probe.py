"""A probe's page: its numbers are those of the rows, text of others is text, nothing is loaded."""

import json
import re
import statistics
import sys
from html import unescape
from html.parser import HTMLParser
from itertools import pairwise, product

import pytest
from probe_examples import broken
from report.page import test_browser as driven
from report.page.probes import EXPLODES, SOMETIMES, UNUSED, chain, modelled

from initlab.errors import InputError
from initlab.formatting import brief
from initlab.probe.result import Finding, Fix
from initlab.report.page.probe import MOST_CARDS, POLICY, probe_page
from initlab.report.page.probe_table import MOST_ROWS

pytestmark = pytest.mark.xdist_group("page")  # one browser is started, for all of these

browser = driven.browser
EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>&\"'\x1b[2J\u2028\ufffe\udcff"
VOID = {"meta", "br", "col"}


class Elements(HTMLParser):
    """Start tags with their attributes and depth, and texts; a tag that is not closed raises."""

    def __init__(self, text):
        super().__init__()
        self.open, self.found, self.texts = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append((self.open[-1] if self.open else "", data))

    def all(self, name):
        return [attributes for tag, attributes in self.found if tag == name]


def hostile():
    """A probe all of whose texts are hostile."""
    finding = Finding(
        EVIL, "error", EVIL, EVIL, {EVIL: EVIL}, where=EVIL, fix=Fix(EVIL, (EVIL,), False, EVIL)
    )
    rows = [
        row | {"site": EVIL, "module": EVIL, "op": EVIL, "where": EVIL, "shape": EVIL,
               "dtype": EVIL, "path": EVIL} if row["trunk"] == 3 else row
        for row in chain(20)
    ]  # fmt: skip
    return modelled(finding, target=EVIL, rows=rows)


PROBES = {
    "healthy": modelled(),
    "explodes": modelled(EXPLODES, SOMETIMES, UNUSED, blocks=60, backward=1.05, predicted=True),
    "nan": modelled(EXPLODES, nan_from=40),
    "nothing finite": modelled(nan_from=0),
    "no trunk": modelled(rows=[row | {"trunk": None} for row in chain(3)]),
    "one site": modelled(rows=chain(0, seeds=(0,))[:1], seeds=(0,)),
    "nothing": modelled(rows=[], seeds=()),
    "hostile": hostile(),
    "broken": broken(EVIL),
}


@pytest.fixture(scope="module")
def pages():
    return {name: probe_page(probe) for name, probe in PROBES.items()}


@pytest.fixture(scope="module", params=PROBES)
def page(request, pages):
    return pages[request.param]


def rows_of(text):
    """Cells of every row of the page's tables, as text."""
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", text)
    cells = (re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in rows)
    return [[unescape(re.sub(r"<[^>]+>", " ", cell)).strip() for cell in row] for row in cells]


def test_its_tags_are_closed_and_its_names_are_unique(page):
    elements = Elements(page)
    names = [attributes["id"] for _, attributes in elements.found if "id" in attributes]
    assert len(names) == len(set(names))
    targets = [a["href"].removeprefix("#") for a in elements.all("a")]
    labelled = [a["aria-labelledby"] for _, a in elements.found if "aria-labelledby" in a]
    clips = re.findall(r'clip-path="url\(#([^)]*)\)"', page)
    assert {*targets, *labelled, *clips} <= set(names)


def test_it_loads_nothing_and_has_no_script(page):
    elements = Elements(page)
    assert not {"script", "img", "link", "iframe", "object", "base", "form", "b onerror"} & {
        tag for tag, _ in elements.found
    }
    for tag, attributes in elements.found:
        assert not {"src", "srcset", "data", "action", "poster", "xlink:href"} & set(attributes)
        assert not any(name.startswith("on") for name in attributes), tag
        assert attributes.get("href", "#").startswith("#")
    (policy,) = [a["content"] for a in elements.all("meta") if "http-equiv" in a]
    assert policy == POLICY
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:;")
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    assert "url(" not in style
    assert "@import" not in style
    assert "http" not in re.sub("http-equiv", "", page)


def test_headers_of_tables_say_what_they_are_of_and_headings_are_in_order(page):
    elements = Elements(page)
    assert all(a.get("scope") in ("row", "col") for a in elements.all("th"))
    levels = [int(tag[1]) for tag, _ in elements.found if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(below - above <= 1 for above, below in pairwise(levels))
    assert all(a["aria-label"] for a in elements.found if a[1].get("role") in ("img", "region")
               for a in [a[1]])  # fmt: skip


def test_text_of_others_is_text(pages):
    texts = "".join(text for _, text in Elements(pages["hostile"]).texts)
    assert (
        "<script>alert(1)</script><img src=x onerror=alert(2)>&\"'\\x1b[2J\\u2028\ufffe\\udcff"
        in texts
    )
    assert "\x1b" not in pages["hostile"]
    assert "\u2028" not in pages["hostile"]


def test_numbers_of_the_trunk_are_medians_of_the_rows(pages):
    probe = PROBES["explodes"]
    rows = probe.trunk_rows()
    last = max(row["trunk"] for row in rows)
    out = {row["seed"]: row["sensitivity"] for row in rows if row["trunk"] == last}
    shown = {row[0]: row for row in rows_of(pages["explodes"]) if row[0].isdigit() and len(row) > 9}
    assert len(shown) == last + 1
    for place, cells in shown.items():
        own = [row for row in rows if row["trunk"] == int(place)]
        assert cells[1].split()[0] == own[0]["site"].split()[0]
        wanted = {4: "rms", 5: "signal", 6: "predicted_rms", 8: "d_ln_s", 9: "grad_norm"}
        for at, name in wanted.items():
            assert cells[at] == brief(statistics.median(row[name] for row in own))
        assert cells[7] == brief(statistics.median(r["sensitivity"] / out[r["seed"]] for r in own))


def test_rows_with_findings_are_marked_and_stretches_without_are_folded(pages):
    elements = Elements(pages["explodes"])
    marked = {a["id"]: a["class"] for a in elements.all("tr") if "id" in a}
    assert marked == {"place-8": "found error", "place-181": "found seed-dependent"}
    assert "#place-8" in {a["href"] for a in elements.all("a")}
    assert len([a for a in elements.all("details") if a.get("class") == "fold"]) == 1
    text = pages["explodes"]
    assert "places 11 to 178: 168 sites without a finding, blocks.3.act to blocks.59.fc" in text
    rows = PROBES["explodes"].trunk_rows()
    for name in ("rms", "signal"):
        inside = [statistics.median(row[name] for row in rows if row["trunk"] == place)
                  for place in range(11, 179)]  # fmt: skip
        assert f"; {name} {brief(min(inside))} to {brief(max(inside))}; " in text
    assert not re.search(r'<details class="fold">(?:(?!</details>).)*class="found', text)
    assert 'class="fold"' not in probe_page(modelled(blocks=5))


def test_a_finding_is_a_card_with_evidence_and_what_came_of_its_fix(pages):
    text = pages["explodes"]
    first, *_ = re.findall(r"<article(.*?)</article>", text, re.DOTALL)
    for part in (
        "models/deep.py:27", "in 3 of 3 seeds: 0, 1, 2", "1.6e4", "tanh&#x27;s critical gain",
        "nn.init.normal_(module.weight", "a rerun with it cleared the finding: before s grows x"
    ):  # fmt: skip
        assert part in first
    order = re.findall(r'<article class="finding ([a-z-]+)"', text)
    assert order == ["error", "note-level", "seed-dependent"]
    assert "a rerun with it has the finding still" in pages["hostile"]
    assert "None: no rule was broken." in pages["healthy"]


def test_many_findings_and_rows_are_cut_and_it_says_so():
    many = [Finding(f"rule-{n}", "note", "", "") for n in range(MOST_CARDS + 3)]
    rows = [row | {"site": f"m{n}", "kind": "module"} for n, row in
            enumerate(chain(0, seeds=(0,))[:1] * (MOST_ROWS + 1))]  # fmt: skip
    rows = [row | {"trunk": None} for row in rows]
    text = probe_page(modelled(*many, rows=rows, seeds=(0,)))
    assert "<summary>3 more</summary>" in text
    assert "2,001 calls of modules, of which the first 2,000 are here" in text


def test_without_a_trunk_it_says_so(pages):
    assert "There is none: no output has a gradient." in pages["no trunk"]
    assert "<svg" not in pages["no trunk"]
    assert "Healthy" not in pages["no trunk"]
    assert "no gradient was measured" in pages["no trunk"]


def test_a_missing_package_is_one_message(monkeypatch):
    monkeypatch.setitem(sys.modules, "altair", None)
    with pytest.raises(InputError) as raised:
        probe_page(modelled())
    assert raised.value.fix == "pip install 'initlab[plot]'"


@pytest.fixture(scope="module")
def files(pages, tmp_path_factory):
    folder = tmp_path_factory.mktemp("probes")
    for name, text in pages.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", ["explodes", "nan", "no trunk", "hostile", "broken"])
def test_it_fits_a_screen_and_a_phone_in_light_and_dark(browser, files, name):
    sizes = "const { scrollWidth, clientWidth } = document.documentElement"
    paper = {"light": "rgb(255, 255, 255)", "dark": "rgb(21, 23, 26)"}
    muted = {"light": "rgb(92, 96, 102)", "dark": "rgb(160, 165, 173)"}
    for scheme, width in product(paper, (375, 1440)):
        driven.emulate(browser, scheme=scheme, width=width)
        for log in ("browser", "performance"):
            browser.get_log(log)
        browser.get((files / f"{name}.html").as_uri())
        assert browser.execute_script(f"{sizes}; return scrollWidth - clientWidth") == 0
        background = "return getComputedStyle(document.body).backgroundColor"
        assert browser.execute_script(background) == paper[scheme]
        for text in driven.find(browser, "svg .role-axis-label text")[:1]:
            assert text.value_of_css_property("fill") == muted[scheme]
        assert browser.get_log("browser") == []
        events = [json.loads(e["message"])["message"] for e in browser.get_log("performance")]
        asked = [e["params"]["request"]["url"] for e in events
                 if e["method"] == "Network.requestWillBeSent"]  # fmt: skip
        assert [url.partition(":")[0] for url in asked] == ["file"]


def test_folded_sites_open_and_stand_in_the_same_columns(browser, files):
    driven.emulate(browser, width=1440)
    browser.get((files / "explodes.html").as_uri())
    fold = driven.find(browser, "details.fold")[0]
    assert not fold.find_element("css selector", "table").is_displayed()
    fold.find_element("css selector", "summary").send_keys("\ue007")  # Enter
    assert fold.find_element("css selector", "table").is_displayed()
    heads = driven.find(browser, "[aria-label=Trunk] thead")
    edges = [[round(h.rect["x"]) for h in head.find_elements("css selector", "th")]
             for head in heads]  # fmt: skip
    assert len(edges) == 3
    assert edges[0] == edges[1] == edges[2]


def test_charts_are_described(browser, files):
    browser.get((files / "explodes.html").as_uri())
    value, sensitivity = driven.find(browser, "figure [role=img]")
    assert value.accessible_name.startswith("rms over the places of the trunk, log axis: rms from")
    assert "gradient-explodes at place 8" in sensitivity.accessible_name
