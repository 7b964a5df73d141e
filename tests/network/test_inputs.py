"""Inputs: the law of every random one, pairs of a given correlation, and samples from a file."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from initlab.catalog import INPUTS
from initlab.errors import UnknownName
from initlab.network.inputs import draw_input
from initlab.spec.run import Choice
from initlab.spec.samples import read_samples

ERRORS = 4.5  # a moment is allowed so many of its standard errors


def draw(plan_of, batch=200, width=200, seed=0, **fields):
    (run,) = plan_of(shape=[width, 2], batch=batch, **fields).runs
    return draw_input(run, torch.Generator().manual_seed(seed))


LAWS = [
    ("normal", {}, stats.norm(0, 1)),
    ("normal", {"mean": -2.0, "std": 0.3}, stats.norm(-2, 0.3)),
    ("uniform", {}, stats.uniform(0, 1)),
    ("uniform", {"low": -3.0, "high": -1.0}, stats.uniform(-3, 2)),
    ("correlated", {"correlation": 0.7}, stats.norm(0, 1)),
]


def test_every_random_input_has_its_law_tested():
    assert {name for name, *_ in LAWS} | {"file"} == set(INPUTS)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("name", "parameters", "law"), LAWS, ids=[f"{name}-{','.join(p)}" for name, p, _ in LAWS]
)
def test_inputs_follow_the_documented_law(plan_of, name, parameters, law, dtype):
    x = draw(plan_of, input={"name": name, **parameters}, dtype=dtype)
    assert x.dtype == getattr(torch, dtype)
    assert x.shape == (200, 200)
    values = x.double().numpy()
    if name == "correlated":  # within a pair values repeat each other; take one of each
        values = values[1::2]
    mean, variance = law.stats("mv")
    assert abs(values.mean() - mean) <= ERRORS * math.sqrt(variance / values.size)
    assert stats.kstest(values.ravel(), law.cdf).pvalue > 1e-4


@pytest.mark.parametrize("c", [-1.0, -0.5, 0.0, 0.3, 0.99, 1.0])
def test_pairs_have_the_correlation_asked_for(plan_of, c):
    x = draw(plan_of, input={"name": "correlated", "correlation": c}, dtype="float64").numpy()
    first, second = x[::2].ravel(), x[1::2].ravel()
    # the standard error of a correlation is (1 - c^2) / sqrt(n)
    found = np.corrcoef(first, second)[0, 1]
    assert abs(found - c) <= ERRORS * (1 - c**2) / math.sqrt(first.size) + 1e-12
    # different pairs are independent
    assert abs(np.corrcoef(first[:-200], first[200:])[0, 1]) <= ERRORS / math.sqrt(first.size)
    # the first of each pair is the plain draw, whatever the correlation
    plain = torch.empty(200, 200, dtype=torch.float64)
    plain.normal_(generator=torch.Generator().manual_seed(0))
    np.testing.assert_array_equal(x[::2], plain.numpy()[::2])


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_samples_from_a_file(plan_of, tmp_path, dtype):
    rows = np.random.default_rng(0).standard_normal((5, 3))
    np.save(tmp_path / "x.npy", rows)
    np.savetxt(tmp_path / "x.csv", rows, delimiter=",")
    for name in ("x.npy", "x.csv"):
        source = {"name": "file", "path": str(tmp_path / name)}
        x = draw(plan_of, batch=4, width=3, input=source, dtype=dtype)
        # the first `batch` rows, in the type of the draws; the network's own type comes later
        expected = np.float64 if dtype == "float64" else np.float32
        np.testing.assert_array_equal(x.numpy(), rows[:4].astype(expected))


def test_an_unknown_input_is_refused(plan_of):
    (run,) = plan_of().runs
    with pytest.raises(UnknownName, match="unknown input 'noise'"):
        draw_input(replace(run, input=Choice("noise")), torch.Generator())


@pytest.mark.parametrize("shape", [(3, 3), (5, 1), (1, 3)])
def test_a_file_that_does_not_fit_is_refused(plan_of, tmp_path, shape):
    # with a single row or column, torch would repeat it to (4, 3)
    np.save(tmp_path / "x.npy", np.ones(shape))
    (run,) = plan_of(shape=[3, 2], batch=4).runs
    path = str(tmp_path / "x.npy")
    source = Choice("file", (("path", path),), read_samples(path))
    with pytest.raises(ValueError, match=r"x\.npy holds"):
        draw_input(replace(run, input=source), torch.Generator())


@pytest.mark.parametrize("name", list(INPUTS))
def test_a_draw_fills_a_batch_of_one_network_and_of_many_alike(name, tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).standard_normal((4, 3)))
    parameters = {"samples": read_samples(str(tmp_path / "x.npy")), **INPUTS[name].defaults}
    one, many = (
        INPUTS[name].fill(torch.empty(shape), parameters, torch.Generator().manual_seed(1))
        for shape in ((4, 3), (5, 4, 3))
    )
    drawn = INPUTS[name].fill(torch.empty(1, 4, 3), parameters, torch.Generator().manual_seed(1))
    assert torch.equal(drawn[0], one)
    assert many.shape == (5, 4, 3)
    if name == "file":
        assert torch.equal(many, one.expand(5, 4, 3))
    else:
        assert not torch.equal(many[0], many[1])  # every network has its own batch
