"""`initlab phase`: fixed points over the plane of weight and bias scales."""

import json

import pytest
from commands import initlab, printed, process


def test_a_plane_in_order():
    done = initlab("phase", "tanh", "--sigma-w", "0.5:2.5:3", "--sigma-b", "0:0.5:2")
    found = printed(done)
    plane = [(float(row["sigma_w"]), float(row["sigma_b"])) for row in found]
    assert plane == [(w, b) for w in (0.5, 1.5, 2.5) for b in (0.0, 0.5)]
    assert [row["phase"] for row in found] == ["ordered", "ordered", "chaotic", "ordered"] + [
        "chaotic"
    ] * 2
    assert {row["converged"] for row in found} == {"True"}
    assert list(found[0])[:9] == [
        "sigma_w", "sigma_b", "q", "chi_1", "c", "xi_q", "xi_c", "phase", "converged",
    ]  # fmt: skip
    assert done.stderr == ""


def test_one_point():
    (row,) = printed(initlab("phase", "relu", "--sigma-w", str(2**0.5), "--sigma-b", "0"))
    assert row["phase"] == "critical"
    assert float(row["c"]) == pytest.approx(1)
    # lengths of an input of variance 1: q = sigma_w^2
    assert float(row["q"]) == pytest.approx(2)


def test_infinite_lengths_and_what_cannot_be_resolved():
    (row,) = printed(initlab("phase", "relu", "--sigma-w", "2", "--sigma-b", "0"))
    assert (row["q"], row["phase"], row["c"]) == ("inf", "chaotic", "")
    done = initlab("phase", "sin", "--sigma-w", "100000", "--sigma-b", "0")
    (row,) = printed(done)
    assert (row["q"], row["chi_1"], row["phase"], row["converged"]) == ("", "", "", "False")
    assert "1 of 1 points did not converge" in done.stderr


def test_json_has_words_for_infinity():
    (row,) = json.loads(
        initlab("phase", "relu", "--sigma-w", "2", "--sigma-b", "0", "--format", "json").stdout
    )
    assert (row["q"], row["c"], row["converged"]) == ("inf", None, True)


def test_a_reader_that_leaves_early_is_no_error():
    # 2,200 rows, more than a pipe holds
    done = process(
        "phase tanh --sigma-w 0.5:4:200 | head -n 1; exit ${PIPESTATUS[0]}", executable="/bin/bash"
    )
    assert done.returncode == 141
    assert done.stderr == ""
    assert done.stdout.startswith("sigma_w,sigma_b,")
