"""Names of losses: every way of writing one finds it, and no suggestion misleads."""

import re
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from initlab.catalog import LOSSES
from initlab.catalog.losses.foreign import FOREIGN
from initlab.catalog.losses.names import LossTable, edits, stem
from initlab.errors import ForeignName, InputError, UnknownName

PREFIXES = ("", "nn.", "torch.nn.", "F.", "torch.nn.functional.", "nn.functional.", "torch.")
#: an alias and what it is with "_loss", which is the name of another function elsewhere
ELSEWHERE_WITH_LOSS = {"l2", "poisson", "multiclass_hinge"}
NAMES = [
    pytest.param(record, name, id=f"{record.name}-{name}")
    for record in LOSSES.values()
    for name in dict.fromkeys(
        (record.name, record.class_name, record.function_name, *record.aliases)
    )
]


def ways(name):
    """Ways of writing a name: snake case, hyphens, neither, CamelCase, capitals; with Loss."""
    bare = re.sub(r"_?loss$", "", name, flags=re.IGNORECASE)
    snake = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", bare)
    camel = "".join(part.capitalize() for part in snake.split("_"))
    written = {snake, snake.replace("_", "-"), snake.replace("_", " "), snake.replace("_", "")}
    written |= {camel, snake.upper(), name}
    if bare not in ELSEWHERE_WITH_LOSS:
        written |= {f"{snake}_loss", f"{snake}-loss", f"{camel}Loss", f"{snake.upper()}_LOSS"}
    return sorted(written)


@pytest.mark.parametrize(("record", "name"), NAMES)
def test_every_way_of_writing_a_name_finds_the_record(record, name):
    for written in ways(name):
        for prefix in PREFIXES:
            for full in (prefix + written, f"{prefix}{written}()"):
                assert LOSSES[full] is record
                assert full in LOSSES
                assert LOSSES.meant(full)[0] is record


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("multi_label_margin", "multilabel_margin"),
        ("multi_label_soft_margin", "multilabel_soft_margin"),
        ("triplet_loss", "triplet_margin"),
        ("softmargin", "soft_margin"),
        ("cosine", "cosine_embedding"),
        ("smoothl1", "smooth_l1"),
        ("ctc_loss", "ctc"),
        ("BCELossWithLogits", "bce_with_logits"),
        ("torch.nn.modules.loss.MSELoss", "mse"),
        ("cross entropy", "cross_entropy"),
    ],
)
def test_names_that_people_wrote(written, name):
    assert LOSSES.meant(written)[:2] == (LOSSES[name], "")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "loss",
        "()",
        "nn.",
        "F.",
        "torch.nn.Linear",
        "MSELoss(reduction='sum')",
        None,
        3,
        ["mse"],
    ],
)
def test_what_is_no_loss_is_not_in_the_table(name):
    assert name not in LOSSES
    for find in (LOSSES.canonical, LOSSES.meant):
        with pytest.raises(UnknownName):
            find(name)


def test_two_records_cannot_claim_what_is_the_same_without_separators_and_loss():
    other = replace(LOSSES["l1"], name="m_s_e_loss", aliases=())
    with pytest.raises(ValueError, match="claimed twice"):
        LossTable("loss", "losses", LOSSES["mse"], other)


def test_completion_does_without_the_names_of_other_libraries():
    code = """
import sys
from initlab.cli import completion
assert completion.losses("ms") and completion.names("x")
assert "initlab.catalog.losses.foreign" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


# suggestions ------------------------------------------------------------------------------------


def suggested(name):
    """What is suggested for a name that is none, or None if it is one."""
    try:
        LOSSES.meant(name)
    except ForeignName:
        return None
    except UnknownName as error:
        return error.nearest
    return None


def tasks(name):
    """What a name is for; of a loss that torch lacks, what is nearest to it in meaning is for."""
    found = LOSSES.foreign(name)
    if found is None:
        return set(LOSSES[name].task)
    return set(LOSSES[found.nearest].task) if found.nearest else {found.names[0]}


KNOWN = sorted(
    {n for r in LOSSES.values() for n in (r.name, r.class_name, r.function_name, *r.aliases)}
    | {name for record in FOREIGN for name in record.names}
)


@st.composite
def slips(draw):
    """A known name, and itself with a letter dropped, inserted or two swapped."""
    name = draw(st.sampled_from(KNOWN))
    at = draw(st.integers(0, len(name) - 1))
    letter = draw(st.sampled_from("abcdefghijklmnopqrstuvwxyz0123456789_"))
    swapped = name[:at] + name[at : at + 2][::-1] + name[at + 2 :]
    edited = (name[:at] + name[at + 1 :], name[:at] + letter + name[at:], swapped)
    return name, draw(st.sampled_from(edited))


@given(slips())
def test_the_suggestion_for_a_slip_is_for_the_same_task(slip):
    name, typed = slip
    for suggestion in suggested(typed) or []:
        assert tasks(suggestion) & tasks(name), (typed, suggestion)


@pytest.mark.parametrize("name", [name for name in KNOWN if len(stem(name)) > 5])
def test_a_letter_too_many_in_a_long_name_is_understood(name):
    typed = name[:3] + "x" + name[3:]
    assert suggested(typed)
    assert all(tasks(suggestion) & tasks(name) for suggestion in suggested(typed))


@given(st.one_of(st.text(max_size=20), st.from_regex(r"[a-z]{2,8}(_loss)?", fullmatch=True)))
def test_a_suggestion_for_any_word_is_two_slips_away_at_most(word):
    for suggestion in suggested(word) or []:
        loss = LOSSES.foreign(suggestion) or LOSSES[suggestion]
        ours = loss in LOSSES.values()
        names = (
            (loss.name, loss.class_name, loss.function_name, *loss.aliases) if ours else loss.names
        )
        letters = [re.sub(r"[-_\s]|\(\)$", "", text.lower()) for text in (word, *names)]
        bare = [text.replace("loss", "") for text in letters]
        assert (
            min(edits(t, n) for t in (letters[0], bare[0]) for n in (*letters[1:], *bare[1:])) <= 2
        )


@pytest.mark.parametrize("word", ["vae", "elbo", "wasserstein", "gan", "xx", "zzz", "x" * 100_000])
def test_a_name_that_is_near_nothing_gets_no_suggestion(word):
    assert suggested(word) == []


@pytest.mark.parametrize("record", FOREIGN, ids=lambda r: r.names[0])
def test_another_library_s_name_is_never_taken_for_a_misspelling(record):
    for name in record.names:
        assert suggested(name) is None


def test_edits_count_slips_of_the_pen():
    assert edits("bce", "bce") == 0
    assert edits("bec", "bce") == 1  # two swapped
    assert edits("msee", "mse") == edits("ms", "mse") == edits("msa", "mse") == 1
    assert edits("", "abc") == edits("abc", "") == 3
    assert edits("kitten", "sitting") == 3  # the textbook's example, Levenshtein


@given(st.text(alphabet="abc", max_size=6), st.text(alphabet="abc", max_size=6))
def test_edits_are_the_same_both_ways(a, b):
    assert edits(a, b) == edits(b, a)
    assert abs(len(a) - len(b)) <= edits(a, b) <= max(len(a), len(b))


def test_an_unknown_name_is_an_input_error_with_a_list_to_look_at():
    with pytest.raises(InputError) as error:
        LOSSES["nosuch"]
    assert error.value.fix == "initlab list losses"
