"""A description as text, Markdown and data."""

from initlab.report.description import Description

SHOWN = Description(
    "gain",
    "word",
    "what makes up for *it*",
    "Var W = gain^2 / fan",
    (("ratio", "of a_b | c"), ("", "no label"), ("_x", "a text that is rather long")),
)
BARE = Description("depth", "field of a spec", "number of layers")


def test_text_is_a_title_with_indented_lines():
    assert SHOWN.text() == (
        "gain (word)\n  what makes up for *it*\n  Var W = gain^2 / fan\n  ratio: of a_b | c\n"
        "  no label\n  _x: a text that is rather long\n"
    )
    assert BARE.text() == "depth (field of a spec)\n  number of layers\n"


def test_narrow_text_hangs_under_its_first_word():
    lines = SHOWN.text(22).splitlines()
    assert lines[-2:] == ["  _x: a text that is", "    rather long"]
    assert BARE.text(12) == "depth (field\n  of a spec)\n  number of\n    layers\n"


def test_markdown_has_a_heading_the_formula_as_code_and_no_accidents():
    assert "".join(SHOWN.markdown()) == (
        "## gain (word)\n\nwhat makes up for \\*it\\*\n\n```text\nVar W = gain^2 / fan\n```\n\n"
        "- **ratio**: of a_b \\| c\n- no label\n- **\\_x**: a text that is rather long\n"
    )
    assert "".join(BARE.markdown()) == "## depth (field of a spec)\n\nnumber of layers\n"


def test_data_has_every_text_by_what_it_is():
    assert SHOWN.data() == {
        "name": "gain", "kind": "word", "about": "what makes up for *it*",
        "formula": "Var W = gain^2 / fan", "ratio": "of a_b | c", "note": "no label",
        "_x": "a text that is rather long",
    }  # fmt: skip
    assert BARE.data() == {
        "name": "depth", "kind": "field of a spec", "about": "number of layers",
    }  # fmt: skip
    assert list(BARE.rows()) == [("depth", "field of a spec", "about", "number of layers")]
