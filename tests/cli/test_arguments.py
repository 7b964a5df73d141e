"""Arguments that several commands take, and what is said where they cannot be used."""

import shlex

import pytest
from commands import initlab

BAD = [
    ("gain tahn", "unknown activation 'tahn'; did you mean tanh"),
    ("gain tanh --param slope=1", "--param slope: no parameter of tanh; there are none"),
    ("gain elu --param alhpa=1", "did you mean alpha?"),
    ("gain elu --param alpha=-1", "--param alpha: needs a number above 0, got -1"),
    ("gain elu --param alpha=x", "needs a finite number, got x"),
    ("gain elu --param alpha", "--param alpha: needs a value"),
    ("gain elu --param alpha=1 --param alpha=2", "--param alpha: given twice, as 1 and 2"),
    ("gain elu --param alpha=1/0", "--param alpha: needs a finite number, got 1/0: it divides by"),
    (
        "critical tanh --sigma-b srqt(2)",
        "--sigma-b srqt(2): 'srqt' is not known; did you mean sqrt",
    ),
    ("phase tanh --sigma-w 1:1/0:3", "--sigma-w 1/0: it divides by zero"),
    ("critical nope", "unknown activation 'nope'"),
    ("critical tanh --sigma-b -0.1", "--sigma-b: needs 0, or a number from 1e-06"),
    ("critical tanh --sigma-b nan", "--sigma-b: needs 0, or a number from 1e-06"),
    ("gain elu --param alpha=1_0", "needs a finite number, got 1_0"),
    ("critical tanh --sigma-b 0_1", "--sigma-b: needs a number, got '0_1'"),
    ("critical tanh --sigma-b \u0661", "--sigma-b: needs a number, got '\u0661'"),
    (f"critical tanh --sigma-b {'1' * 5000}", "--sigma-b: needs 0, or a number from 1e-06"),
    ("phase tanh --sigma-w 1:2:1_0", "got '1_0'"),
    ("phase tanh --sigma-w 1:2:\u0663", "got '\u0663'"),
    (f"phase tanh --sigma-w 1:2:{'1' * 5000}", "needs a whole number of points"),
    ("critical tanh --sigma-b one", "--sigma-b: needs a number, got 'one'"),
    ("phase tanh --sigma-w 4:0.5:36", "4 is not below 0.5\n  fix: --sigma-w 0.5:4:36"),
    ("phase tanh --sigma-w 1:1:3", "1 is not below 1\n  fix: --sigma-w 1\n"),
    ("phase tanh --sigma-w 0", "--sigma-w: needs a number from 1e-06"),
    ("phase tanh --sigma-w -1:2:3", "--sigma-w: needs a number from 1e-06"),
    ("phase tanh --sigma-b=-1:2:3", "--sigma-b: needs 0, or a number from 1e-06"),
    ("phase tanh --sigma-w 1:2", "needs FROM:TO:HOW_MANY"),
    ("phase tanh --sigma-w 1:2:1", "from 2 to 20,000, got '1'"),
    ("phase tanh --sigma-w 1:2:3.5", "got '3.5'"),
    ("phase tanh --sigma-w 1e30", "to 1e+06, got 1e30"),
    ("phase tanh --sigma-w 1:2:1000 --sigma-b 0:1:1000", "20,000 are the most"),
    ("predict none.yaml", "none.yaml: no such file"),
    ("recommend --activation nope", "unknown activation 'nope'"),
    ("recommend --activation tanh --width 4", "fewer than 16 neurons stray too far"),
    ("recommend --activation tanh --depth 0", "0 is not in the range"),
    ("recommend --activation tanh --dtype int8", "is not one of"),
]


@pytest.mark.parametrize(("command", "words"), BAD)
def test_bad_input_is_named_and_ends_in_2(command, words):
    done = initlab(*shlex.split(command))
    assert done.exit_code == 2
    assert done.stdout == ""
    assert words in done.stderr


@pytest.mark.parametrize(
    ("expression", "number"),
    [
        ("gain elu --param alpha=5/2", "gain elu --param alpha=2.5"),
        ("gain sine --param omega=2**-1", "gain sin --param omega=0.5"),
        ("gain sin --param omega=1", "gain sin"),  # its default
        ("critical tanh --sigma-b 1/4", "critical tanh --sigma-b 0.25"),
        ("phase tanh --sigma-w 3/2:sqrt(4):2", "phase tanh --sigma-w 1.5:2:2"),
        ("entropy --p 1/2,1/4,1/4", "entropy --p 0.5,0.25,0.25"),
    ],
)  # fmt: skip
def test_a_number_may_be_an_expression(expression, number):
    done, expected = initlab(*shlex.split(expression)), initlab(*shlex.split(number))
    assert done.exit_code == 0
    assert done.stdout == expected.stdout
