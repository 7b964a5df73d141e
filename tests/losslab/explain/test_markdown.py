"""The explain view as Markdown says what the text says, under headings that Markdown knows."""

import re

import pytest
from explained import BLOCKS, calls, computed

from initlab.losslab.explain.markdown import markdown
from initlab.losslab.explain.view import explain

pytestmark = [
    pytest.mark.filterwarnings("ignore:reduction. 'mean' divides the total loss"),
    pytest.mark.filterwarnings("ignore:nn.KLDivLoss"),
]


def words(text):
    """Words without what Markdown adds: escapes, headings, bullets, fences and rules of tables."""
    lines = [line for line in text.splitlines() if not re.match(r"#|```|\| ---", line)]
    plain = re.sub(r"\\(.)", r"\1", "\n".join(re.sub(r"^- ", "", line) for line in lines))
    return sorted(word for word in plain.split() if word != "|")


@pytest.mark.parametrize(("name", "operands", "options"), list(calls()))
def test_markdown_has_the_words_of_the_text_under_its_titles(name, operands, options):
    e = computed(name, operands, options, reduction="all")
    for full in (False, True):
        text, found = explain(e, full=full, width=10_000), markdown(e, full=full)
        assert found.startswith(f"## {name}\n\n### Contract\n\n- {e.call.loss.class_name}(")
        titles = [line.lower() for line in text.splitlines() if line[:1].strip()]
        assert [h.lower() for h in re.findall(r"^### (.*)$", found, re.MULTILINE)] == titles
        assert set(titles) <= {block.lower() for block in BLOCKS}
        body = "\n".join(line for line in text.splitlines() if line.startswith(" "))
        assert words(found) == sorted(word for word in body.split() if word != "|")


def test_tables_and_fences_are_whole():
    for call in calls():
        name, operands, options = call.values
        found = markdown(computed(name, operands, options, reduction="all"))
        assert found.count("```") % 2 == 0
        assert "```text\n\n" not in found
        for table in re.findall(r"(?:^\|.*\n)+", found, re.MULTILINE):
            cells = {len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}
            assert len(cells) == 1, table
    assert "\n\n| " in found


def test_the_lines_of_torch_are_python():
    name, operands, options = next(iter(calls())).values
    found = markdown(computed(name, operands, options, reduction="all"))
    (code,) = re.findall(r"### Torch\n\n```python\n(.*)```\n$", found, re.DOTALL)
    compile(code, "snippet", "exec")
