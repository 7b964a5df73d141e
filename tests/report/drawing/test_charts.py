"""Charts by what reaches their marks; files by their first bytes."""

import json
import re

import numpy as np
import pytest

from initlab.report.drawing import charts
from initlab.report.drawing.colors import BLUE, VERMILLION
from initlab.report.figure import Axis, Band, Figure, Line, Panel, Rule

X = np.arange(40.0)
LOG = Axis("std", log=True)
EVIL = "</script><b>&\x1b[31m"


@pytest.fixture(scope="module")
def figure():
    """Lines with everything: gaps, bands, a prediction, rules, and text that would command."""
    lines = (
        Line("tanh", X, np.where(X > 36, 0, 0.5**X)),
        Line("relu", X, np.where(X == 20, np.nan, 1.5**X)),
        Line("relu", X, 1.4**X, dashed=True),
    )
    bands = (
        Band("relu", X, 1.4**X, 1.6**X),
        Band("relu", X, 1.3**X, 1.7**X, predicted=True),
    )
    rules = Rule("nan at layer 31", x=31.0), Rule("one", y=1.0)
    panel = Panel("", Axis("layer"), LOG, lines, bands, rules)
    return Figure(f"title {EVIL}", (panel,), (f"note {EVIL}",), ("Spread: of the seeds.",))


@pytest.fixture(scope="module")
def spec(figure):
    """Its chart as Vega-Lite has it."""
    return charts.chart(figure).to_dict()


def marks(spec):
    """(mark, its rows, its encoding) of every layer of every panel."""
    for view in spec.get("concat", spec.get("hconcat", [spec])):
        for layer in view["layer"]:
            data = layer.get("data", view.get("data", spec.get("data")))
            mark = layer["mark"]
            yield mark, spec["datasets"][data["name"]], layer["encoding"]


def test_marks_hold_the_values_of_the_lines_and_no_others(spec):
    (dashed, rows, _), (solid, all_solid, _) = [m for m in marks(spec) if m[0]["type"] == "line"]
    assert dashed["strokeDash"] == charts_dash()
    assert [row["y"] for row in rows] == (1.4**X).tolist()
    assert solid["strokeDash"] != charts_dash()
    found = {(row["label"], row["x"]): row["y"] for row in all_solid}
    tanh = {("tanh", x): y for x, y in zip(X[:37], 0.5 ** X[:37], strict=True)}
    relu = {("relu", x): y for x, y in zip(X, 1.5**X, strict=True) if x != 20}
    assert found == tanh | relu


def charts_dash():
    from initlab.report.drawing.panel_chart import DASH

    return DASH


def test_a_gap_is_no_line(spec):
    _, rows, encoding = [m for m in marks(spec) if m[0]["type"] == "line"][1]
    assert encoding["detail"]["field"] == "line"
    pieces = {row["line"] for row in rows if row["label"] == "relu"}
    assert len(pieces) == 2
    assert {r["line"] for r in rows if r["x"] in (19, 21) and r["label"] == "relu"} == pieces


def test_bands_hold_both_sides(spec):
    pale, shaded = [m for m in marks(spec) if m[0]["type"] == "area"]
    assert pale[0]["opacity"] < shaded[0]["opacity"]
    assert [(row["y"], row["y2"]) for row in shaded[1]] == list(zip(1.4**X, 1.6**X, strict=True))
    assert [(row["y"], row["y2"]) for row in pale[1]] == list(zip(1.3**X, 1.7**X, strict=True))


def test_no_value_is_missing_or_not_positive_on_a_log_axis(spec):
    for mark, rows, encoding in marks(spec):
        for row in rows:
            values = [row[side] for side in ("y", "y2") if side in row]
            assert all(np.isfinite(values)), mark
            assert all(value > 0 for value in values), mark
        if "value" not in encoding.get("y", {"value": 0}):
            assert encoding["y"]["scale"]["type"] == "log"


def test_rules_are_labelled(spec):
    rules = [rows for mark, rows, _ in marks(spec) if mark["type"] == "rule"]
    assert rules == [[{"y": 1.0}], [{"x": 31.0}]]
    texts = [mark["text"] for mark, _, _ in marks(spec) if "text" in mark]
    assert list(dict.fromkeys(texts)) == ["one", "nan at layer 31"]


def test_lines_have_their_names_at_their_ends_and_their_own_colours(spec):
    _, rows, encoding = [m for m in marks(spec) if m[2].get("text")][-1]
    assert {row["label"]: row["x"] for row in rows} == {"tanh": 36, "relu": 39}
    scale = encoding["color"]["scale"]
    assert dict(zip(scale["domain"], scale["range"], strict=True)) == {
        "tanh": BLUE, "relu": VERMILLION,
    }  # fmt: skip


def test_notes_stand_below_the_title(spec):
    assert spec["title"]["subtitle"] == [
        "Solid: measured; dashed: predicted; shaded: spread; pale: predicted band",
        "Spread: of the seeds.",
        "note </script><b>&\\x1b[31m",
        "tanh: 3 values are 0 (layer 37 to 39), which a log axis cannot show",
        "relu: 1 value is nan (layer 20)",
    ]


def test_many_names_are_a_legend():
    lines = tuple(Line(f"name {n} of several", X, X + n) for n in range(20))
    spec = charts.chart(Figure("", (Panel("", Axis("layer"), Axis("y"), lines),))).to_dict()
    ((_, _, encoding),) = marks(spec)
    assert encoding["color"]["legend"]["title"] is None


def test_a_single_point_is_a_point():
    panel = Panel("", Axis("layer"), LOG, (Line("a", X[:1], X[:1] + 1),))
    found = [mark["type"] for mark, _, _ in marks(charts.chart(Figure("", (panel,))).to_dict())]
    assert "point" in found
    assert "line" not in found


def test_nothing_to_draw_says_so():
    spec = charts.chart(Figure("", (Panel("", Axis("layer"), LOG, ()),))).to_dict()
    ((mark, _, _),) = marks(spec)
    assert mark["text"] == "nothing to draw"


def test_panels_of_one_axis_have_one_scale():
    panels = tuple(
        Panel(title, Axis("layer"), LOG, (Line("a", X, y),))
        for title, y in (("one", 1.5**X), ("two", 0.5**X))
    )
    spec = charts.chart(Figure("", panels)).to_dict()
    views = spec["concat"]
    first, second = (view["layer"][0]["encoding"]["y"]["scale"]["domain"] for view in views)
    assert first == second
    titles = {r[0]["title"]: e["y"]["value"] for _, r, e in marks(spec) if "title" in r[0]}
    assert [*titles] == ["one", "two"]
    assert titles["one"] == titles["two"] < 0  # pixels: one height, above the panels


def test_the_key_tells_only_what_is_there():
    alone = Panel("", Axis("x"), Axis("y"), (Line("a", X, X),))
    assert charts.key(Figure("", (alone,))) == ""


@pytest.mark.parametrize(
    ("kind", "start"), [("png", b"\x89PNG\r\n\x1a\n"), ("svg", b"<svg "), ("pdf", b"%PDF-1.")]
)
def test_a_picture_is_a_file_of_its_kind(figure, kind, start):
    content = charts.picture(figure, kind)
    assert content.startswith(start)
    if kind == "svg":
        text = content.decode()
        assert "nan at layer 31" in text
        assert "&lt;/script&gt;" in text
        assert "<b>" not in text
        assert not re.findall(r'(?:href|src)="(?!#)', text)


def test_a_page_needs_nothing_else_and_no_text_ends_its_script(figure):
    page = charts.picture(figure, "html").decode()
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert len(scripts) == 2
    outside = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert not re.findall(r"https?:|src=|href=|<link|@import", outside)
    assert not re.findall("https?:", scripts[1])  # the spec; in the library they are names
    assert "<b>" not in outside
    chart, options = re.search(r'vegaEmbed\("#chart", (.*), (\{.*\})\)', scripts[1]).groups()
    assert json.loads(chart)["title"]["text"] == "title </script><b>&\\x1b[31m"
    assert json.loads(options)["actions"]["editor"] is False  # the one that opens a site


def test_another_kind_is_refused(figure):
    with pytest.raises(ValueError, match=r"gif: none of png, svg, pdf, html"):
        charts.picture(figure, "gif")
