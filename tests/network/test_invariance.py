"""A run's numbers, bit for bit: alone or in a sweep, in any order, on any number of threads."""

from dataclasses import replace
from functools import lru_cache
from itertools import pairwise

import numpy as np
import pytest
from helpers import in_memory
from hypothesis import given, settings
from hypothesis import strategies as st

from initlab import load_plan
from initlab.network.measurement import Measurement
from initlab.network.propagate import measure
from initlab.spec import plan as plans
from initlab.spec import shares
from initlab.spec.plan import Plan
from initlab.spec.run import Run
from initlab.spec.shares import Share

# std of N(0, std^2) weights that overflows at layer 1 or 2, so that some runs leave the others
BURSTS = {"float64": 1e120, "float32": 1e15, "bfloat16": 1e15, "float16": 200.0}
SIZES = [(w, b) for w in (1, 2, 3, 37, 255) for b in (1, 2, 5) if w * b > 1]  # 1 value has no std


def grid(width: int, batch: int, dtype: str, **fields) -> Plan:
    """Runs that share their draws, runs that burst on the way, and runs with draws of their own."""
    shared = {"depth": 4, "width": width, "batch": batch, "dtype": dtype, "band": 0}
    burst = {"scheme": "normal", "std": [0.3, BURSTS[dtype]]}
    return load_plan(
        {
            **shared,
            "activation": ["tanh", "relu", "identity"],
            "cases": [
                {"init": [burst, "xavier_normal"], "bias": [None, {"std": [0.1, 1]}]},
                {"init": "torch_default", "loss": "mse", "reduction": "sum"},
            ],
            **fields,
        }
    )


def run_all(plan: Plan, jobs: int = 1) -> dict[Run, Measurement]:
    outcomes, _ = in_memory(plan, jobs=jobs, theory=False)
    assert {outcome.status for outcome in outcomes} == {"ok"}
    return {run: o.measurement for run, o in zip(plan.runs, outcomes, strict=True)}


def alone(plan: Plan) -> dict[Run, Measurement]:
    return {run: measure(Share(((0, run),)))[0] for run in plan.runs}


def assert_equal(found: dict[Run, Measurement], expected: dict[Run, Measurement]) -> None:
    for run, m in found.items():
        other = expected[run]
        np.testing.assert_array_equal(m.forward, other.forward, str(run))
        assert (m.backward is None) == (other.backward is None)
        if m.backward is not None:
            np.testing.assert_array_equal(m.backward, other.backward, str(run))
        assert (m.more is None) == (other.more is None)
        if m.more is not None:
            np.testing.assert_array_equal(m.more, other.more, str(run))
        assert (m.nan_onset, m.reason, m.loss_value) == (
            other.nan_onset,
            other.reason,
            other.loss_value,
        )


@pytest.mark.parametrize("dtype", list(BURSTS))
@pytest.mark.parametrize(("width", "batch"), SIZES, ids=lambda value: str(value))
def test_alone_or_side_by_side(width, batch, dtype):
    plan = grid(width, batch, dtype, record="full")
    together = run_all(plan)
    onsets = {m.nan_onset for m in together.values()}
    assert None in onsets
    assert len(onsets) > 1  # some burst, or the test would not see runs leave
    assert_equal(together, alone(plan))


@lru_cache
def mixed() -> tuple[Plan, dict[Run, Measurement]]:
    """A grid with every kind of sharing, and each of its runs measured alone."""
    plan = load_plan(
        {
            "shape": [[5, 37, 3, 6], [37, 37, 37, 37]],
            "batch": 3,
            "band": 0,
            "seeds": 2,
            "activation": ["tanh", "relu", "softplus"],
            "cases": [
                {"init": ["lecun_normal", {"scheme": "normal", "std": [0.2, 1e18, 1e-14]}]},
                {"init": {"scheme": "lecun_normal", "gain": [0.5, "auto"]}, "dtype": "float64"},
                {"init": "xavier_uniform", "loss": ["mse", "cross_entropy"], "draws": "script"},
                {"init": "orthogonal", "bias": [{"std": 0.1}, "zeros"], "record": "forward"},
                {"init": ["lecun_normal", {"scheme": "normal", "std": 1e18}], "record": "full"},
                {"init": "he", "dtype": "float64", "record": ["full", "forward+neurons"]},
                {
                    "init": "he",
                    "last": {"activation": ["identity", "tanh"], "bias": {"std": [0.1, 0.2]}},
                    "layers": {1: {"activation": ["relu", "sigmoid"]}},
                },
            ],
        }
    )
    return plan, alone(plan)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_any_part_of_a_grid_in_any_order_on_one_or_two_threads(data):
    plan, expected = mixed()
    runs = data.draw(st.lists(st.sampled_from(plan.runs), min_size=1, max_size=40, unique=True))
    part = replace(plan, runs=tuple(runs))
    assert_equal(run_all(part, data.draw(st.sampled_from([1, 2]))), expected)


@pytest.mark.parametrize("jobs", [1, 2])
def test_the_whole_grid_forward_and_backward(jobs):
    plan, expected = mixed()
    assert_equal(run_all(plan, jobs), expected)
    assert_equal(run_all(replace(plan, runs=plan.runs[::-1]), jobs), expected)


@pytest.mark.parametrize("draws", ["layered", "script"])
@pytest.mark.parametrize("init", ["normal", "torch_default", "orthogonal"])
def test_draws_kept_or_drawn_again(plan_of, monkeypatch, init, draws):
    plan = plan_of(
        depth=5, width=9, init=init, draws=draws, activation=["tanh", "relu"], record="full"
    )
    assert plan.shares()[0].keeps_draws
    kept = run_all(plan)
    monkeypatch.setattr(shares, "KEEP_BYTES", 0)
    assert not plan.shares()[0].keeps_draws
    assert_equal(run_all(plan), kept)


@pytest.mark.parametrize("most", [1, 2, 5, 7])
def test_how_many_runs_a_share_holds(monkeypatch, most):
    plan, expected = mixed()
    monkeypatch.setattr(plans, "MOST_TOGETHER", most)
    assert max(len(share.runs) for share in plan.shares()) == most
    assert_equal(run_all(plan), expected)


def test_shares_cut_for_lack_of_memory(monkeypatch):
    plan, expected = mixed()
    # room for what two of the larger runs keep: 2 batch sum(shape) 8 bytes each
    monkeypatch.setattr(plans, "TOGETHER_BYTES", 2 * 2 * 3 * 4 * 37 * 8)
    assert max(len(share.runs) for share in plan.shares() if share.first.shape[0] == 37) < 6
    assert_equal(run_all(plan), expected)


@pytest.mark.parametrize("cuts", [[0, 7, 64], [0, 1, 2, 33, 64]], ids=str)
def test_unequal_shares(plan_of, cuts):
    plan = plan_of(
        width=37,
        batch=5,
        activation=["tanh", "relu", "silu", "sin"],
        init={"scheme": "normal", "std": {"from": 0.01, "to": 1, "steps": 16}},
        record="full",
    )
    (share,) = plan.shares()
    whole = measure(share)
    for start, end in pairwise(cuts):
        part = measure(Share(share.runs[start:end]))
        assert_equal(part, whole)


BIASES = ["torch_default", {"scheme": "uniform", "a": -1, "b": 1}]


@pytest.mark.parametrize("init", ["normal", "torch_default"])
@pytest.mark.parametrize("biases", [BIASES, BIASES[::-1]], ids=["default first", "uniform first"])
def test_a_script_bias_from_the_constructor_beside_one_drawn_later(plan_of, init, biases):
    # both are uniform draws, but made at different times in a script
    plan = plan_of(init=init, bias=biases, draws="script")
    assert_equal(run_all(plan), alone(plan))
