"""`initlab entropy`, in the process and as one."""

import csv
import io
import json
import math
import subprocess
import sys

import numpy as np
import pytest
import scipy.stats
from commands import printed
from typer.testing import CliRunner

from initlab.cli.app import build

EXAMPLE = ["--p", "0.9,0.05,0.05", "--q", "0.5,0.3,0.2"]
HEADER = "quantity,outcome,value,unit,formula\n"


def run(*arguments, stdin=None):
    return CliRunner().invoke(build(), ["entropy", *arguments], input=stdin)


def process(arguments, **options):
    """A real process, by way of a shell."""
    command = f"{sys.executable} -m initlab entropy {arguments}"
    options |= {"shell": True, "capture_output": True, "timeout": 60, "check": False}
    return subprocess.run(command, **options)


def values(done):
    """quantity and outcome -> value, of CSV."""
    assert done.exit_code == 0, done.stderr
    rows = csv.DictReader(io.StringIO(done.stdout))
    return {f"{row['quantity']} {row['outcome']}".strip(): float(row["value"]) for row in rows}


def refuse(word):
    raise AssertionError(f"{word} is no JSON")


# what comes out ----------------------------------------------------------------------------------


def test_every_quantity_of_an_example():
    found = values(run(*EXAMPLE))
    # to six decimals, from a course chapter; the others by mpmath
    assert {name: round(value, 6) for name, value in found.items()} == {
        "self-information P 0": 0.105361,
        "self-information P 1": 2.995732,
        "self-information P 2": 2.995732,
        "self-information Q 0": 0.693147,
        "self-information Q 1": 1.203973,
        "self-information Q 2": 1.609438,
        "entropy P": 0.394398,
        "largest entropy": 1.098612,
        "perplexity P": 1.483490,
        "entropy Q": 1.029653,
        "cross-entropy": 0.764503,
        "KL(P||Q)": 0.370105,
        "KL(Q||P)": 0.520893,
        "JS": 0.102597,
    }


def test_bits_are_nats_by_ln_2():
    nats = values(run(*EXAMPLE))
    bits = values(run(*EXAMPLE, "--unit", "bits"))
    assert nats.pop("perplexity P") == bits.pop("perplexity P")
    assert list(bits) == list(nats)
    for name, value in nats.items():
        assert bits[name] == pytest.approx(value / math.log(2), rel=1e-14)


def test_the_formula_names_the_logarithm():
    assert "H(P) = -sum p ln p\n" in run("--p", "1").stdout
    assert "H(P) = -sum p log2 p\n" in run("--p", "1", "--unit", "bits").stdout


def test_a_negative_zero_is_a_zero():
    assert run("--p", "1,-0.0").stdout == run("--p", "1,0").stdout


def test_without_q_there_is_no_divergence():
    assert list(values(run("--p", "0.5,0.5"))) == [
        "self-information P 0", "self-information P 1",
        "entropy P", "largest entropy", "perplexity P",
    ]  # fmt: skip


@pytest.mark.parametrize("format_", ["json", "jsonl"])
def test_json_stays_valid_where_a_divergence_is_infinite(format_):
    done = run("--p", "0.5,0.5,0", "--q", "0,0,1", "--format", format_)
    text = done.stdout if format_ == "json" else "[" + ",".join(done.stdout.splitlines()) + "]"
    rows = {r["quantity"]: r["value"] for r in json.loads(text, parse_constant=refuse)}
    assert rows["KL(P||Q)"] == rows["KL(Q||P)"] == rows["cross-entropy"] == "inf"
    assert rows["JS"] == pytest.approx(math.log(2))  # disjoint distributions
    assert done.stderr == (
        "KL(P||Q) and the cross-entropy are infinite: outcome 0 has p = 0.5 and q = 0"
        " (2 of 3 outcomes)\n"
        "KL(Q||P) is infinite: outcome 2 has p = 0 and q = 1 (1 of 3 outcomes)\n"
    )


def test_csv_writes_inf():
    assert values(run("--p", "1,0", "--q", "0,1"))["KL(P||Q)"] == math.inf


@pytest.mark.parametrize("format_", ["table", "md"])
def test_a_table_for_people(format_):
    done = run(*EXAMPLE, "--format", format_)
    (line,) = [line for line in done.stdout.splitlines() if "cross-entropy" in line]
    assert "0.764503" in line
    assert "None" not in done.stdout


# what goes in ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["0.25,0.75", ".25, .75", "0.25 0.75", "[0.25, 0.75]", "[.25,.75]", "[0.25 0.75]",
     "[\n0.25,\n0.75\n]\n", "25e-2,75e-2"],
)  # fmt: skip
def test_spellings(text, tmp_path):
    expected = values(run("--p", "0.25,0.75"))
    assert values(run("--p", text)) == expected
    assert values(run("--p", "-", stdin=text)) == expected
    (tmp_path / "p").write_text(text)
    assert values(run("--p", str(tmp_path / "p"))) == expected


@pytest.mark.parametrize(
    "content", ["0.25,0.75\n", "\ufeff0.25\r\n0.75\r\n", "0.25\n\n0.75", "0.25\t0.75\n"]
)
def test_rows_and_columns_of_a_file(content, tmp_path):
    (tmp_path / "p.csv").write_bytes(content.encode())
    assert values(run("--p", str(tmp_path / "p.csv"))) == values(run("--p", "0.25,0.75"))


@pytest.mark.parametrize("dtype", ["<f8", ">f8", "f4", "f2"])
@pytest.mark.parametrize("shape", [(2,), (1, 2), (2, 1)])
def test_npy(dtype, shape, tmp_path):
    np.save(tmp_path / "p.npy", np.array([0.25, 0.75], dtype).reshape(shape))
    assert values(run("--p", str(tmp_path / "p.npy"))) == values(run("--p", "0.25,0.75"))


def test_npy_from_a_pipe():
    stream = io.BytesIO()
    np.save(stream, [1, 3])
    done = run("--p", "-", "--normalise", "--q", "0.5,0.5", stdin=stream.getvalue())
    assert values(done) == values(run("--p", "0.25,0.75", "--q", "0.5,0.5"))


def test_counts_are_divided_by_their_sum_and_it_is_said():
    done = run("--p", "1,3", "--q", "0.5,0.5", "--normalise")
    assert values(done) == values(run("--p", "0.25,0.75", "--q", "0.5,0.5"))
    assert done.stderr == "--p: divided by its sum, 4.0\n"  # and of Q nothing: it sums to 1


def test_a_softmax_in_float32_sums_to_1():
    logits = np.linspace(-5, 5, 1000, dtype=np.float32)
    p = np.exp(logits) / np.exp(logits).sum()
    assert run("--p", ",".join(map(repr, p.tolist()))).exit_code == 0


LIKE_THIS = "\n  fix: one flat list of numbers, such as 0.9,0.05,0.05\n"
REFUSED = [
    (
        "0.5,0.6",
        "2 values sum to 1.1; probabilities sum to 1\n  fix: --normalise, which divides by",
    ),
    (".333,.333,.333", "3 values sum to 0.999; probabilities sum to 1\n  fix: --normalise"),
    ("0.500002,0.5", "2 values sum to 1.000002; probabilities sum to 1"),
    (
        "1e308,1e308",
        f"2 values sum to inf; probabilities sum to 1, and these cannot be normalised{LIKE_THIS}",
    ),
    (
        "0,0",
        f"2 values sum to 0; probabilities sum to 1, and these cannot be normalised{LIKE_THIS}",
    ),
    ("7", f"1 value is 7; probabilities sum to 1{LIKE_THIS}"),
    ("1.5,-0.5", "1 of 2 values is negative, the first -0.5 (index 1); probabilities are 0 to 1"),
    ("-1,-1,3", "2 of 3 values are negative, the first -1 (index 0)"),
    ("-0.5,1.5", "1 of 2 values is negative, the first -0.5 (index 0)"),
    ("nan,1", "1 of 2 values is not finite, the first nan (index 0)"),
    ("0.5,inf", "1 of 2 values is not finite, the first inf (index 1)"),
    ("[0.5, Infinity]", "1 of 2 values is not finite, the first inf (index 1)"),
    ("1e400", "1 of 1 values is not finite, the first inf (index 0)"),
    ("[]", "holds no numbers" + LIKE_THIS),
    ("", "holds no numbers" + LIKE_THIS),
    ("0.5,,0.5", "'' (index 1 of 3) is no number" + LIKE_THIS),
    ("0.5,0.5,", "'' (index 2 of 3) is no number"),
    ("0.5,half", "'half' (index 1 of 2) is no number"),
    ("[[0.5, 0.5]]", "'[0.5' (index 0 of 2) is no number"),
    ('["a", 1]', "'\"a\"' (index 0 of 2) is no number"),
    ("[0.5, 0.5", "'[0.5' (index 0 of 2) is no number"),
    ("nowhere", "'nowhere' is no list of numbers, and as a file: No such file or directory"),
    ("/", "'/' is no list of numbers, and as a file: Is a directory"),
]


@pytest.mark.parametrize(("text", "message"), REFUSED)
@pytest.mark.parametrize("where", ["--p", "--q"])
def test_a_bad_distribution_is_refused(text, message, where):
    done = run(where, text) if where == "--p" else run("--p", "0.5,0.5", "--q", text)
    assert done.exit_code == 2, done.output
    assert done.stderr.startswith(f"initlab: {where}: {message}")
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("p", "both"), [("0.5", "0.5,0.5"), ("0.7", "0.7,0.3"), ("1e-20", "1e-20,1")]
)
@pytest.mark.parametrize("where", ["--p", "--q"])
def test_one_probability_is_one_event_of_two(p, both, where):
    done = run(where, p) if where == "--p" else run("--p", "0.5,0.5", "--q", p)
    assert done.exit_code == 2
    message = f"{where}: 1 value is {p}, one event of two; probabilities sum to 1"
    assert done.stderr == f"initlab: {message}\n  fix: {where} {both}\n"
    assert run(*([] if where == "--p" else ["--p", "0.5,0.5"]), where, both).exit_code == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", ": holds no numbers"),
        (b"0.5,0.2\n0.2,0.1\n", " FILE: has 2 rows of up to 2 numbers" + LIKE_THIS),
        (b"p\n0.5\n0.5\n", " FILE: 'p' (index 0 of 3) is no number; is it a header? remove it"),
        (b"\xff\xfe0\0.\0", " FILE: is neither JSON, CSV nor NPY"),
        (b"PK\x03\x04\xff", " FILE: is neither JSON, CSV nor NPY"),
        (b"\x93NUMPYxx", " FILE: cannot be read as NPY: "),
        (np.array([[0.5, 0.2], [0.2, 0.1]]), " FILE: holds float64 of shape (2, 2)" + LIKE_THIS),
        (np.array(1.0), " FILE: holds float64 of shape ()"),
        (np.array([1j]), " FILE: holds complex128 of shape (1,)"),
        (np.array(["a"]), " FILE: holds <U1 of shape (1,)"),
        (np.zeros(0), ": holds no numbers"),
        (np.array([{}], dtype=object), " FILE: cannot be read as NPY: "),  # a pickle
    ],
)
def test_a_bad_file_is_refused(content, message, tmp_path):
    file = tmp_path / "p"
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        with file.open("wb") as stream:
            np.save(stream, content)
    done = run("--p", str(file))
    assert done.exit_code == 2, done.output
    assert done.stderr.startswith(f"initlab: --p{message}".replace("FILE", str(file)))
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--p", "0.5,0.5", "--q", "1"],
         "--q: has 1 numbers, --p has 2; both need one for every outcome, and index 1 is in one"
         " only\n  fix: --q with 2 numbers"),
        (["--p", "1", "--q", "0.5,0.5"], "--q: has 2 numbers, --p has 1; both need one for"),
        (["--p", "-", "--q", " - "], "--p and --q cannot both come from standard input"),
        (["--p", "0,0", "--normalise"],
         "--p: 2 values sum to 0; probabilities sum to 1, and these cannot"),
        (["--p", "1e308,1e308", "--normalise"],
         "--p: 2 values sum to inf; probabilities sum to 1, and"),
        (["--p", "1.0000005,0"], "--p: 1 of 2 values is above 1, the first 1.0000005 (index 0)"),
    ],
)  # fmt: skip
def test_other_bad_input_is_refused(arguments, message):
    done = run(*arguments)
    assert done.exit_code == 2, done.output
    assert done.stderr.startswith(f"initlab: {message}")
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\0", "'\\x00': is no name of a file"),
        ("/dev/zero", "'/dev/zero': is a device, not a file\n  fix: - for standard input"),
    ],
)
def test_what_is_no_file_is_refused(text, message):
    done = run("--p", text)
    assert (done.exit_code, done.stderr) == (2, f"initlab: --p {message}\n")


@pytest.mark.parametrize("text", ["1_0", "0.2_5,0.7_5", "\u0661", "[1_0]", "1\u0660", "1e_0"])
@pytest.mark.parametrize("source", ["argument", "-"])
def test_numbers_that_only_python_reads_are_refused(text, source):
    done = run("--p", "-", stdin=text) if source == "-" else run("--p", text)
    assert done.exit_code == 2
    assert "no number" in done.stderr or "no list of numbers" in done.stderr


@pytest.mark.parametrize("digits", [400, 5000])
@pytest.mark.parametrize("text", ["{}", "0.5,{}", "[0.5, {}]", "[0.5, .5, {}]"])
def test_numbers_of_many_digits_are_refused(digits, text):
    done = run("--p", text.format("1" * digits))
    assert done.exit_code == 2
    assert "values are not finite" in done.stderr or "1 of " in done.stderr


def test_more_than_the_limit_is_refused(tmp_path):
    path = tmp_path / "p.txt"
    path.write_text("0.25\n" * 300_000)  # 1.4 MiB of text, 2.3 MiB of float64
    for name in ("-", str(path)):
        done = run("--p", name, "--max-mib", "1", stdin=path.read_text())
        assert done.exit_code == 2
        assert "the limit is 1 MiB\n  fix: --max-mib 2, if the memory is there" in done.stderr
    large = run("--p", str(path), "--max-mib", "2")  # its bytes fit, its numbers do not
    assert "holds 300000 values, 2.29 MiB as float64; the limit is 2 MiB" in large.stderr
    assert run("--p", str(path), "--max-mib", "3", "--normalise").exit_code == 0


def test_a_header_of_npy_that_claims_much_takes_no_memory(tmp_path):
    with (tmp_path / "p.npy").open("wb") as file:
        claim = {"descr": "<f8", "fortran_order": False, "shape": (10**12,)}
        np.lib.format.write_array_header_1_0(file, claim)
    done = run("--p", str(tmp_path / "p.npy"))
    assert done.exit_code == 2
    assert "holds 1000000000000 values, 7.28 TiB as float64; the limit is 1 GiB" in done.stderr


# as a process ------------------------------------------------------------------------------------


def test_a_process_reads_and_writes_pipes():
    done = process("--p - --q 0.5,0.5 --normalise --format jsonl", input=b"1\n3\n")
    rows = [json.loads(line, parse_constant=refuse) for line in done.stdout.splitlines()]
    (found,) = [row["value"] for row in rows if row["quantity"] == "KL(P||Q)"]
    # by hand: 1/4 ln 1/2 + 3/4 ln 3/2
    assert found == pytest.approx(0.25 * math.log(0.5) + 0.75 * math.log(1.5), rel=1e-14)
    assert done.stderr == b"--p: divided by its sum, 4.0\n"
    assert done.returncode == 0


def test_a_process_piped_into_head():
    done = process("--p 0.5,0.5 | head -1")
    assert done.stdout.decode() == HEADER
    assert done.stderr == b""


@pytest.mark.parametrize("arguments", ["--p 0.5,0.6", "--p - <&-", "--p", "", "--unit dits --p 1"])
def test_a_process_ends_bad_input_with_2_and_no_traceback(arguments):
    done = process(arguments)
    assert done.returncode == 2
    assert done.stdout == b""
    assert b"Traceback" not in done.stderr
    assert done.stderr


def test_help_of_a_process_has_examples():
    done = process("--help")
    assert done.returncode == 0
    assert b"initlab entropy --p 0.9,0.05,0.05 --q 0.5,0.3,0.2" in done.stdout


# the curve of two outcomes ----------------------------------------------------------------------


def curve(*arguments):
    done = run(*arguments)
    return [
        (float(row["p"]), float(row["self_information"]), float(row["entropy"]), row["unit"])
        for row in printed(done)
    ]


def test_a_range_gives_the_curve_of_two_outcomes():
    rows = curve("--p", "0:1:19")
    assert [row[0] for row in rows] == pytest.approx([k / 18 for k in range(19)], abs=1e-15)
    assert rows[0][1:3] == (math.inf, 0.0)  # exactly: 0 log 0 = 0
    assert rows[-1][1:3] == (0.0, 0.0)
    assert rows[9] == (0.5, math.log(2), math.log(2), "nats")  # largest, at 1/2
    assert max(row[2] for row in rows) == rows[9][2]
    for p, surprise, entropy, _ in rows[1:-1]:  # by scipy, another route
        assert surprise == pytest.approx(-math.log(p), rel=1e-15)
        assert entropy == pytest.approx(scipy.stats.bernoulli(p).entropy(), rel=1e-12)
    # a point of it is what the command says of the distribution
    done = printed(run("--p", "0.25,0.75"))
    (alone,) = [float(row["value"]) for row in done if row["quantity"] == "entropy P"]
    assert curve("--p", "0:0.25:2")[-1][2] == alone


def test_the_curve_in_bits_as_json_and_as_a_table():
    assert curve("--p", "0.25:0.5:2", "--unit", "bits")[-1] == (0.5, 1.0, 1.0, "bits")
    rows = json.loads(run("--p", "0:1:3", "--format", "json").stdout)
    assert rows[0] == {"p": 0.0, "self_information": "inf", "entropy": 0.0, "unit": "nats"}
    assert "0.693147" in run("--p", "0:1:3", "--format", "table").stdout


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["2:3:4"], "--p 2:3:4: probabilities are 0 to 1, not 2"),
        (["-1:1:3"], "--p -1:1:3: probabilities are 0 to 1, not -1"),
        (["0:nan:3"], "probabilities are 0 to 1, not nan"),
        (["0:x:3"], "needs a number, got 'x'"),
        (["0:1"], "--p 0:1: needs FROM:TO:HOW_MANY"),
        (["0:1:2:3"], "needs FROM:TO:HOW_MANY"),
        ([":"], "needs FROM:TO:HOW_MANY"),
        (["0:1:1"], "needs a whole number of points from 2 to 20,000, got '1'"),
        (["0:1:99999"], "needs a whole number of points"),
        (["0:1:x"], "needs a whole number of points"),
        (["1:0:3"], "--p 1:0:3: 1 is not below 0\n  fix: --p 0:1:3"),
        (["0.5:0.5:3"], "0.5 is not below 0.5\n  fix: --p 0:1:19"),
        (["0:1:3", "--q", "0.5,0.5"], "--q: --p 0:1:3 is a range"),
        (["0:1:3", "--normalise"], "--normalise: --p 0:1:3 is a range"),
    ],
)
def test_a_wrong_range_says_what_is_wrong(given, words):
    value, *more = given
    done = run(f"--p={value}", *more)
    assert (done.exit_code, done.stdout) == (2, "")
    assert words in done.stderr
