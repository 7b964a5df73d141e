"""`initlab critical`: the edge of chaos, and how torch draws what lies on it."""

import math

import pytest
import torch
from commands import initlab, printed, process
from torch import nn


def test_the_edge_of_tanh_with_biases():
    # Schoenholz et al. 2017: sigma_w^2 = 1.7609546 at sigma_b^2 = 0.05
    done = initlab("critical", "tanh", "--sigma-b", str(0.05**0.5))
    (row,) = printed(done)
    assert list(row)[:4] == ["activation", "sigma_b", "sigma_w", "q"]
    assert float(row["sigma_w"]) ** 2 == pytest.approx(1.7609546, abs=1e-7)
    assert float(row["chi_1"]) == pytest.approx(1, abs=1e-9)
    assert (row["xi_c"], row["stable"], row["converged"]) == ("inf", "True", "True")
    assert "nn.init.normal_(layer.weight, std=1.32" in done.stderr
    assert "nn.init.normal_(layer.bias, std=0.2236" in done.stderr


def test_the_snippet_draws_what_it_says():
    done = initlab("critical", "silu", "--sigma-b", "0.8")
    (row,) = printed(done)
    code = "\n".join(line.strip() for line in done.stderr.splitlines()[1:])
    layer = nn.Linear(1000, 800)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        exec(code, {"nn": nn, "layer": layer})  # noqa: S102
    sigma_w = float(layer.weight.detach().std()) * 1000**0.5
    assert sigma_w == pytest.approx(float(row["sigma_w"]), rel=0.01)
    assert float(layer.bias.detach().std()) == pytest.approx(0.8, rel=0.15)


def test_no_edge_is_a_row_and_a_word():
    done = initlab("critical", "softplus", "--sigma-b", "0.1")
    (row,) = printed(done)
    assert (row["sigma_w"], row["q"], row["converged"]) == ("", "", "False")
    assert "none: no sigma_w gives softplus chi_1 = 1" in done.stderr


def test_a_point_that_lengths_leave_is_said_to_be_one():
    done = initlab("critical", "gelu", "--sigma-b", "0.2")
    (row,) = printed(done)
    assert row["stable"] == "False"
    assert float(row["xi_q"]) < 0
    assert "not stable: lengths leave q = 0.5756" in done.stderr


def test_data_goes_to_stdout_and_words_to_stderr():
    done = process("critical tanh --sigma-b 0.2 2>/dev/null")
    assert len(done.stdout.splitlines()) == 2
    assert math.isclose(float(done.stdout.splitlines()[1].split(",")[2]), 1.298, rel_tol=0.01)
