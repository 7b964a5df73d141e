"""The page in a real browser: Chromium without a network, driven by selenium."""

import json
import math
import shutil
import statistics
import sys
import time
from itertools import pairwise, product

import pytest

from initlab.report.page.document import page

pytestmark = pytest.mark.xdist_group("page")  # one is started, for all of these

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--proxy-server=127.0.0.1:9",  # nothing listens there: what is asked for fails, and is logged
)  # fmt: skip
READY = "const done = arguments[0]; initlab.then(() => done('ready'), (e) => done(e.stack))"
DRAWN = "const done = arguments[0]; initlab.then(([s]) => s.drawn).then(() => done('drawn'))"
#: what the marks of the first chart say: [point, layer, value] of measured curves
MARKS = """return initlab.then(([sweep]) =>
  sweep.charts[arguments[0]].view.data('rows').map((r) => [r.point, r.layer, r.value ?? null]))"""

#: the first pixel of a screenshot, and how many colours it has
PIXELS = """const [png, done] = arguments, image = new Image();
  image.onload = () => {
    const canvas = new OffscreenCanvas(image.width, image.height).getContext('2d');
    canvas.drawImage(image, 0, 0);
    const { data } = canvas.getImageData(0, 0, image.width, image.height);
    done([[...data.slice(0, 3)], new Set(new Uint32Array(data.buffer)).size]);
  };
  image.src = 'data:image/png;base64,' + png;"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Chromium, logging what it says and what it asks for."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    driver = shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("no Chromium: apt-get install chromium chromium-driver")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    started = webdriver.Chrome(options=options, service=Service(driver))
    started.set_script_timeout(60)
    yield started
    started.quit()


@pytest.fixture(scope="module")
def file(swept, tmp_path_factory):
    """The page of a sweep, as a file."""
    path = tmp_path_factory.mktemp("html") / "report.html"
    path.write_text(page([swept.source]), encoding="utf-8")
    return path


@pytest.fixture
def opened(browser, file):
    """The page, loaded anew and drawn; what the browser logged is its own."""
    emulate(browser, width=1440)
    for log in ("browser", "performance"):
        browser.get_log(log)
    browser.get(file.as_uri())
    assert browser.execute_async_script(READY) == "ready"
    return browser


def emulate(browser, *, scheme="light", width=1440, height=900, media="screen"):
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def find(browser, selector):
    return browser.find_elements("css selector", selector)


def points(browser):
    """The points in the table's rows, from top to bottom."""
    return [int(row.get_attribute("data-point")) for row in find(browser, "tr[data-point]")]


def reordered(browser, button):
    """The points in the table's rows once Enter on a header has changed their order."""
    before = points(browser)
    button.send_keys("\ue007")
    until(lambda: points(browser) != before)
    return points(browser)


def until(happened):
    """What comes of it once it is true; whatever it is after 20 s."""
    deadline = time.monotonic() + 20
    while not (found := happened()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


def cells(browser, title):
    """Whole values of a column, by point."""
    heads = [head.text.strip() for head in find(browser, "table.points thead th")]
    rows = find(browser, "tr[data-point]")
    at = heads.index(title)
    return {
        int(row.get_attribute("data-point")): row.find_elements("tag name", "td")[at].get_attribute(
            "data-order"
        )
        for row in rows
    }


def marks(browser, chart):
    return browser.execute_script(MARKS, chart)


def test_it_loads_offline_and_says_nothing(opened):
    events = [json.loads(entry["message"])["message"] for entry in opened.get_log("performance")]
    asked = [
        e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"
    ]
    assert [url.partition(":")[0] for url in asked if not url.startswith("blob:")] == ["file"]
    assert opened.get_log("browser") == []


def test_the_check_sees_a_request_and_a_message(browser, tmp_path):
    page_ = tmp_path / "asks.html"
    page_.write_text("<img src='http://192.0.2.1/x.png'><script>console.error('ill')</script>")
    browser.get(page_.as_uri())
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [
        e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"
    ]
    assert "http://192.0.2.1/x.png" in asked
    assert any("ill" in entry["message"] for entry in browser.get_log("browser"))


def test_what_a_spec_says_is_text_and_no_more(opened, swept):
    assert find(opened, "h1")[0].text.startswith("</script><script>window.hacked = 1</script><img")
    assert opened.execute_script("return window.hacked ?? null") is None
    assert find(opened, "img") == []
    assert "onerror" in find(opened, "pre.spec")[0].text


def test_numbers_in_the_table_are_those_of_the_csv(opened, swept):
    found = cells(opened, "std last")
    for point in range(6):
        own = [row["std_last"] for row in swept.runs if int(row["run"]) // 3 == point]
        middle = sorted(math.inf if cell == "nan" else float(cell) for cell in own)[1]
        assert found[point] == repr(min(middle, sys.float_info.max))  # what DataTables can sort


def test_what_reaches_the_marks_is_what_the_csv_holds(opened, swept):
    for chart, column in enumerate(("std", "grad_std", "cosine")):
        for point, layer, value in marks(opened, chart):
            own = [
                float(row[column])
                for row in swept.layers
                if int(row["run"]) // 3 == point and int(row["layer"]) == layer
                and row[column] not in ("", "nan", "inf")
            ]  # fmt: skip
            drawn = [x for x in own if x > 0 or column == "cosine"]
            wanted = pytest.approx(statistics.median(drawn), rel=1e-4) if drawn else None
            assert value == wanted


def test_a_header_sorts_by_the_whole_number_from_the_keyboard(opened):
    (button,) = [b for b in find(opened, "th [role=button]") if "std last" in b.accessible_name]
    whole = {point: float(text) for point, text in cells(opened, "std last").items() if text}
    assert list(whole.values()) != sorted(whole.values())
    up = [whole[point] for point in reordered(opened, button) if point in whole]
    assert up == sorted(whole.values())
    down = [whole[point] for point in reordered(opened, button) if point in whole]
    assert down == up[::-1]


def test_a_search_and_a_filter_leave_rows_and_their_curves(opened):
    search = find(opened, "[data-search]")[0]
    search.send_keys("relu,")
    assert points(opened) == []
    search.clear()
    search.send_keys("relu_squared")
    opened.execute_async_script(DRAWN)
    assert points(opened) == [4, 5]
    assert {point for point, *_ in marks(opened, 0)} == {4, 5}
    find(opened, "[data-filter=forward] option:nth-child(5)")[0].click()  # nan
    opened.execute_async_script(DRAWN)
    assert points(opened) == [5]
    assert {point for point, *_ in marks(opened, 2)} == {5}


@pytest.mark.parametrize("width", [1440, 375])
def test_why_is_below_its_row_and_wholly_in_view(opened, width):
    emulate(opened, width=width)
    texts = find(opened, "tr[data-point] + tr > td.why p")
    assert len(texts) == 2 * 6  # measured and predicted
    for text in texts:
        box = text.rect
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert text.get_property("scrollWidth") <= text.get_property("clientWidth")
    box = find(opened, ".points-box")[0]
    if width == 1440:
        assert box.get_property("scrollWidth") <= box.get_property("clientWidth")


def test_rows_chosen_with_the_keyboard_light_up_their_curves(opened):
    box = find(opened, "tr[data-point='2'] input")[0]
    assert box.accessible_name == "choose relu, std 0.1"
    box.send_keys(" ")
    opened.execute_async_script(DRAWN)
    chosen = "return initlab.then(([s]) => s.charts.map((c) => c.view.signal('chosen')))"
    assert opened.execute_script(chosen) == [[2]] * 5
    assert find(opened, "[role=status]")[0].text == "1 of 6 points chosen"
    strokes = [
        path.get_attribute("stroke") for path in find(opened, "[data-chart='0'] .mark-line path")
    ]
    assert strokes.count("var(--vermillion)") > 0  # relu's, which has its prediction beside it
    assert strokes.count("var(--faint)") == 5
    find(opened, "[data-clear]")[0].click()
    opened.execute_async_script(DRAWN)
    assert opened.execute_script(chosen) == [[]] * 5


def test_a_click_on_a_dot_chooses_its_row(opened):
    from selenium.webdriver import ActionChains

    opened.execute_async_script(DRAWN)

    def pointed():  # again, if the page has moved under the pointer
        dot = find(opened, "[data-chart='3'] .mark-symbol path")[0]
        opened.execute_script("arguments[0].scrollIntoView({block: 'center'})", dot)
        ActionChains(opened).move_by_offset(1, 1).move_to_element(dot).perform()
        return find(opened, "#tip")[0].text

    tip = until(pointed)
    assert tip.startswith("tanh, std 0.1, run ")
    ActionChains(opened).click().perform()
    chosen = until(lambda: find(opened, "tr.chosen"))
    assert [row.get_attribute("data-point") for row in chosen] == ["0"]


def test_it_fits_the_screen_in_light_and_dark(opened):
    sizes = "const { scrollWidth, clientWidth } = document.documentElement"
    ink = "return getComputedStyle(document.querySelector('[data-chart] text')).fill"
    paper = {"light": [255, 255, 255], "dark": [21, 23, 26]}  # --paper in page.css
    muted = {"light": "rgb(92, 96, 102)", "dark": "rgb(160, 165, 173)"}
    for scheme, width in product(paper, (375, 1440)):
        emulate(opened, scheme=scheme, width=width)
        assert until(lambda: opened.execute_script(f"{sizes}; return scrollWidth === clientWidth"))
        first, colors = opened.execute_async_script(PIXELS, opened.get_screenshot_as_base64())
        assert first == paper[scheme]
        assert colors > 50
        assert opened.execute_script(ink) == muted[scheme]


def test_it_prints_light_and_without_controls(opened):
    emulate(opened, scheme="dark", media="print")
    body = "return getComputedStyle(document.body).backgroundColor"
    assert opened.execute_script(body) == "rgb(255, 255, 255)"
    assert not any(tool.is_displayed() for tool in find(opened, ".tools, .choose input"))


def test_charts_are_described_and_headings_are_in_order(opened):
    charts = find(opened, "figure [role=img]")
    assert len(charts) == 5
    assert charts[0].accessible_name.startswith(
        "std of the activations over layers, log axis: tanh, std 0.1 from "
    )
    levels = [int(h.tag_name[1]) for h in find(opened, "h1, h2, h3")]
    assert levels[0] == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
