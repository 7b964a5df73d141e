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
from initlab.catalog.columns import MORE
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


# residual sums, norms and dropout ----------------------------------------------------------------

NORMS = [
    "none",
    {"name": "layer", "place": "pre"},
    {"name": "rms", "place": "before_activation"},
    {"name": "batch", "place": "post"},
]
BLOCK_SIZES = [
    *(("float64", width, batch) for width, batch in [(1, 5), (3, 16), (37, 1), (37, 5), (255, 2)]),
    *(("float32", width, batch) for width, batch in [(2, 2), (37, 16)]),
    *(("float16", width, batch) for width, batch in [(3, 5), (37, 5)]),
]


def blocks(width: int, batch: int, dtype: str, **fields) -> Plan:
    """Sums of several factors, which share a block, with every norm that these sizes have."""
    norms = ["none", *(NORMS[1:3] if width > 1 else []), *(NORMS[3:] if batch > 1 else [])]
    return load_plan(
        {
            "depth": 5, "width": width, "batch": batch, "dtype": dtype, "band": 0,
            "activation": ["tanh", "relu"], "norm": norms, "record": "both+neurons",
            "residual": {"every": 2, "scale": [0.5, "1/sqrt(L)"], "skip": 0.8},
            "init": {"scheme": "normal", "std": [0.3, BURSTS[dtype]]},
            "dropout": 0.2,
            **fields,
        }
    )  # fmt: skip


@pytest.mark.parametrize(("dtype", "width", "batch"), BLOCK_SIZES)
def test_blocks_alone_or_side_by_side(dtype, width, batch):
    plan = blocks(width, batch, dtype)
    # runs of other factors and activations are computed side by side, of other norms not
    assert {len(share.runs) for share in plan.shares()} == {8}
    together = run_all(plan)
    assert None in {m.nan_onset for m in together.values()}
    assert_equal(together, alone(plan))


@lru_cache
def mixed_blocks() -> tuple[Plan, dict[Run, Measurement]]:
    """Every kind of sum and norm, shapes with projections, and each of its runs measured alone."""
    plan = load_plan(
        {
            "shape": [[5, 7, 3, 7, 6], [7, 7, 7, 7, 7]],
            "batch": 3,
            "band": 0,
            "seeds": 2,
            "activation": ["tanh", "relu"],
            "init": "lecun_normal",
            "cases": [
                {"residual": {"every": 1, "project": True, "scale": [1, 0.1]}, "dropout": [0, 0.2]},
                {"residual": {"every": 2, "project": True, "branch": ["linear", "after_sum"]},
                 "norm": ["layer", {"name": "rms", "place": "post"}], "dropout": 0.3},
                {"norm": ["batch", {"name": "layer", "place": "after_activation"}],
                 "dtype": ["float64", "bfloat16"]},
                {"residual": {"every": 2, "project": True, "output_gain": [1, "1/sqrt(L)"]},
                 "norm": "batch", "record": ["full", "forward"],
                 "init": ["lecun_normal", {"scheme": "normal", "std": 1e20}, "orthogonal"]},
                {"shape": [7, 7, 7, 7, 7], "preset": ["deepnorm", "fixup", "rezero", "gpt2"],
                 "init": "xavier_normal", "bias": {"std": [0.1, 0.2]}, "draws": "script"},
                {"dropout": [0.1, 0.5], "last": {"activation": "identity"}},
            ],
        }
    )  # fmt: skip
    return plan, alone(plan)


@settings(max_examples=12, deadline=None)
@given(st.data())
def test_any_part_of_a_grid_of_blocks_in_any_order_on_one_or_two_threads(data):
    plan, expected = mixed_blocks()
    runs = data.draw(st.lists(st.sampled_from(plan.runs), min_size=1, max_size=30, unique=True))
    part = replace(plan, runs=tuple(runs))
    assert_equal(run_all(part, data.draw(st.sampled_from([1, 2]))), expected)


@pytest.mark.parametrize("jobs", [1, 2])
def test_the_whole_grid_of_blocks_forward_and_backward(jobs):
    plan, expected = mixed_blocks()
    assert len({m.nan_onset for m in expected.values()}) > 1
    assert_equal(run_all(plan, jobs), expected)
    assert_equal(run_all(replace(plan, runs=plan.runs[::-1]), jobs), expected)


@pytest.mark.parametrize("most", [1, 3])
def test_how_many_blocks_a_share_holds(monkeypatch, most):
    plan, expected = mixed_blocks()
    monkeypatch.setattr(plans, "MOST_TOGETHER", most)
    assert max(len(share.runs) for share in plan.shares()) == most
    assert_equal(run_all(plan), expected)


def test_draws_of_blocks_kept_or_drawn_again(monkeypatch):
    plan, expected = mixed_blocks()
    assert all(share.keeps_draws for share in plan.shares() if share.first.backward)
    monkeypatch.setattr(shares, "KEEP_BYTES", 0)
    assert not any(share.keeps_draws for share in plan.shares())
    assert_equal(run_all(plan), expected)


@pytest.mark.parametrize("norm", [*NORMS[:1], *({**n, "place": "pre"} for n in NORMS[1:])], ids=str)
@pytest.mark.parametrize("branch", ["linear", "after_sum"])
def test_forward_columns_of_blocks_with_and_without_a_backward_pass(norm, branch):
    plan = load_plan(
        {
            "shape": [7, 9, 9, 9, 9, 5, 9], "batch": 5, "band": 0, "activation": ["relu", "tanh"],
            "residual": {"every": 2, "project": True, "branch": branch}, "dropout": [0, 0.2],
            "norm": norm, "init": ["he", {"scheme": "normal", "std": 1e20}],
            "record": ["forward", "both"],
        }
    )  # fmt: skip
    found = run_all(plan)
    pairs = [(m, found[replace(run, record="both")])
             for run, m in found.items() if run.record == "forward"]  # fmt: skip
    assert len(pairs) == 8
    stream = [MORE.index(name) for name in ("stream_rms", "branch_ratio")]
    for forward, both in pairs:
        np.testing.assert_array_equal(forward.forward, both.forward)
        np.testing.assert_array_equal(forward.more[:, stream], both.more[:, stream])
        assert forward.backward is None
        assert forward.nan_onset == both.nan_onset


@pytest.mark.parametrize("norm", ["layer", "rms", "batch"])
def test_a_wide_norm_has_the_same_bits_whatever_stands_beside_it(norm):
    # long sums, which a library may split in other ways for other numbers of rows
    plan = load_plan(
        {"shape": [2, 40_000, 2], "batch": 2, "band": 0, "activation": ["tanh", "relu", "gelu"],
         "init": "he", "norm": {"name": norm, "place": "after_activation"}}
    )  # fmt: skip
    (share,) = plan.shares()
    assert len(share.runs) == 3
    assert_equal(run_all(plan), alone(plan))
