"""What has been published of sums, norms, dropout and presets comes true in configs/blocks.

Every number comes from the formula of its source. Tolerances are about three standard errors of
the mean over the seeds that are run; where the band of one network is known, it is said.
"""

import math
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from helpers import in_memory

import initlab
from initlab.catalog.columns import MORE, columns

CONFIGS = Path(__file__).parent.parent / "configs/blocks"
FORWARD, BACKWARD = columns("layers", "forward"), columns("layers", "backward")
#: mean of f(X), X ~ N(0, 1), is WEIGHTS @ f(NODES)
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(80)
WEIGHTS = WEIGHTS / WEIGHTS.sum()


def measured(name, *overrides):
    """Every run of a config, and its columns by name: what layers have, then what blocks have."""
    plan = initlab.load_plan(CONFIGS / f"{name}.yaml", ["band=0", *overrides])
    outcomes, _ = in_memory(plan, theory=False)
    found = []
    for outcome in outcomes:
        m = outcome.measurement
        table = dict(zip(FORWARD, m.forward.T, strict=True)) | {"nan_onset": m.nan_onset}
        if m.backward is not None:
            table |= dict(zip(BACKWARD, m.backward.T, strict=True))
        if m.more is not None:
            more = dict(zip(MORE, m.more.T, strict=True))
            ends = ~np.isnan(more["branch_ratio"])  # the last layer of each branch
            table |= {name: more[name][ends] for name in more if "stream" in name}
            table["branch_ratio"] = more["branch_ratio"][ends]
        found.append(table)
    return list(zip(plan.runs, found, strict=True))


def by(key, runs):
    """Tables in lists, by what a function says of their run."""
    groups = defaultdict(list)
    for run, table in runs:
        groups[key(run)].append(table)
    return groups


def geometric(numbers):
    return math.exp(np.log(list(numbers)).mean())


def scale(run):
    return None if run.residual is None else run.residual.parameters["scale"]


def place(run):
    return None if run.norm is None else run.norm.parameters["place"]


# plain against residual --------------------------------------------------------------------------


def test_residual_sums_double_and_batch_norm_tames_them():
    # one network of 30 layers of 256 strays by a factor of 2 in its std
    drawn = measured("he_2016")
    for run, table in drawn:
        if run.residual is not None:
            continue
        ratios = table["std"][29] / table["std"][0], table["grad_std"][0] / table["grad_std"][29]
        lost = 2.0**-14.5 if run.init.name == "xavier_normal" else 1.0
        np.testing.assert_allclose(np.log2(ratios), math.log2(lost), atol=2)
    residual = by(place, [(run, table) for run, table in drawn if run.residual is not None])
    # 15 blocks, of which each doubles the variance; 80 % of networks lie within a fifth
    ends = geometric(table["stream_rms"][-1] for table in residual[None])
    assert ends == pytest.approx(2**7.5, rel=0.3)
    np.testing.assert_allclose([t["branch_ratio"] for t in residual[None]], 1, atol=0.25)
    # h' = relu(h + z), z ~ N(0, 1) after its norm: a walk that is reflected at 0
    walks = np.random.default_rng(0).standard_normal((16, 100_000))
    h = walks[0]
    for step in walks[1:]:
        h = np.maximum(h + step, 0)
    assert math.sqrt((h**2).mean()) == pytest.approx(3.545, abs=0.02)
    # 15 numbers of a neuron's batch are independent, 256 x 15 x 3 in all: 2 % of one number's std
    for table in residual["before_activation"]:
        assert table["stream_rms"][-1] == pytest.approx(3.545, rel=0.06)


# pre-norm and post-norm --------------------------------------------------------------------------


def test_the_last_gradient_falls_with_depth_before_a_norm_and_not_after():
    drawn = by(lambda run: (place(run), run.depth // 2), measured("xiong_2020", "seeds=5"))
    last = {k: np.mean([t["weight_grad_std"][-1] for t in tables]) for k, tables in drawn.items()}
    # one seed strays by 5, 5 and 8 % at 4, 16 and 64 blocks, ratios of five of them by 4 %
    for blocks in (16, 64):
        falls = math.sqrt(5 / (1 + blocks))  # 0.542 and 0.277
        assert last["pre", blocks] / last["pre", 4] == pytest.approx(falls, rel=0.12)
        assert last["post", blocks] / last["post", 4] == pytest.approx(1, rel=0.15)
    for blocks in (4, 16, 64):
        # of the stream before the final norm: 1 + L
        ends = geometric(table["stream_rms"][-1] for table in drawn["pre", blocks])
        assert ends == pytest.approx(math.sqrt(1 + blocks), rel=0.08)
        # and its gradient goes back through that norm, and then grows as sqrt(1 + L)
        back = geometric(
            table["stream_grad_rms"][0] / table["stream_grad_rms"][-1]
            for table in drawn["pre", blocks]
        )
        assert back == pytest.approx(math.sqrt((1 + blocks) / 2), rel=0.15)
        for table in drawn["post", blocks]:
            np.testing.assert_allclose(table["stream_rms"], 1, rtol=1e-4)  # less eps


def test_a_normed_deep_branch_passes_everything_on():
    drawn = by(lambda run: (scale(run), run.depth // 2), measured("deepnorm_2022", "seeds=2"))
    for blocks in (100, 1000):
        for table in drawn["deepnorm", blocks]:
            # weights of variance 1/n times (8L)^(-1/2), of which a ReLU halves one; over (2L)^(1/4)
            adds = 1 / (4 * math.sqrt(blocks) * (2 * blocks) ** 0.25)  # 0.0066 and 0.0012
            assert table["branch_ratio"].mean() == pytest.approx(adds, rel=0.1)
            np.testing.assert_allclose(table["stream_rms"], 1, rtol=1e-4)
            back = table["stream_grad_rms"]
            # 0.98 to 1.02 for 80 % of networks of 256; the last one has what its norm takes away
            np.testing.assert_allclose(back[:-1] / back[-2], 1, atol=0.06)
            assert abs(table["cosine"][-1]) < 0.1
    for table in drawn[1.0, 1000]:
        assert table["cosine"][-1] > 0.9999  # all samples alike


def test_gpt2_s_factor_makes_the_stream_the_same_at_any_depth():
    q = 768 * 0.02**2  # of what one layer makes of a normed stream
    normal = 0.5 * (1 + np.array([math.erf(z) for z in math.sqrt(q / 2) * NODES]))
    branch = q * WEIGHTS @ (math.sqrt(q) * NODES * normal) ** 2
    assert branch == pytest.approx(0.0327, abs=0.0001)
    for run, table in measured("gpt2_2019", "seeds=1", "record=forward"):
        blocks = run.depth // 2
        of_all = branch * (1 if "output_gain" in run.residual.parameters else blocks)
        # 0.182; and 0.886 and 1.772 without: one network of 768 strays by 2 % of it
        assert table["stream_rms"][-1] == pytest.approx(math.sqrt(0.02**2 + of_all), rel=0.06)


# no norm -----------------------------------------------------------------------------------------


def test_fixup_begins_as_the_identity_and_learns_by_last_weights_alone():
    for run, table in measured("fixup_2019", "width=32", "seeds=1"):
        if scale(run) == "fixup":
            _is_the_identity(run, table)
            assert (table["weight_grad_std"][::2] == 0).all()
            assert (table["weight_grad_std"][1::2] > 0).all()
        elif run.depth == 200:  # 2^100; at width 32 one network strays by a factor of 10
            assert math.log2(table["stream_rms"][-1]) == pytest.approx(50, abs=6)
        else:  # float32 ends at 2^128, which is block 256, layer 512
            assert 450 < table["nan_onset"] < 600


def test_rezero_begins_as_the_identity_and_learns_by_its_factors_alone():
    for run, table in measured("rezero_2021", "width=32", "seeds=1"):
        _is_the_identity(run, table)
        assert (table["weight_grad_std"] == 0).all()


def _is_the_identity(run, table):
    assert len(table["stream_rms"]) == run.depth // 2
    assert table["stream_rms"][0] == pytest.approx(1, rel=0.2)  # the input's
    assert (table["stream_rms"] == table["stream_rms"][0]).all()
    assert (table["stream_grad_rms"] == table["stream_grad_rms"][0]).all()
    assert table["stream_grad_rms"][0] > 0
    assert (table["branch_ratio"] == 0).all()


def test_skipinit_s_stream_grows_by_e_at_any_depth():
    drawn = by(lambda run: run.depth // 2, measured("skipinit_2020", "record=forward"))
    for blocks, tables in drawn.items():
        # a branch doubles; one network of 64 strays by 11 %, the mean of three by 6 %
        grown = (1 + 2 / blocks) ** (blocks / 2)  # 2.69 and 2.716
        ends = geometric(table["stream_rms"][-1] for table in tables)
        assert ends == pytest.approx(grown, rel=0.18)
        adds = geometric(table["branch_ratio"].mean() for table in tables)
        assert adds == pytest.approx(math.sqrt(2 / blocks), rel=0.1)


def test_a_stable_resnet_s_stream_grows_by_the_root_of_e():
    drawn = by(scale, measured("stable_resnet_2021", "depth=200", "seeds=5"))
    ends = {k: geometric(t["stream_rms"][-1] for t in tables) for k, tables in drawn.items()}
    # one network of 64 strays by 6 %, the mean of five by 3 %
    assert ends["1/sqrt(L)"] == pytest.approx(1.01**50, rel=0.1)  # 1.645
    assert ends["1/L"] == pytest.approx(1.0001**50, rel=0.1)  # 1.005
    # 2^100; ln of one network strays by 60 %, of the mean of five by 30 %, less half its variance
    assert math.log2(ends[1.0]) == pytest.approx(50, abs=2.5)
    back = geometric(t["stream_grad_rms"][0] / t["stream_grad_rms"][-1] for t in drawn["1/sqrt(L)"])
    assert back == pytest.approx(1.01**49.5, rel=0.1)  # less the first block's share


# what norms and dropout do to plain networks ------------------------------------------------------


def test_batch_norm_makes_gradients_explode():
    groups = by(lambda run: (run.activation.name, run.batch), measured("yang_2019", "seeds=5"))
    # layers 0 to 39: the last one's gradient is not yet one that a norm has let through. Rates of
    # seeds of 256 neurons stray by 1 % at batch 16, and by 0.5 % at 64
    rates = {
        key: geometric((t["grad_std"][0] / t["grad_std"][-2]) ** (2 / 39) for t in tables)
        for key, tables in groups.items()
    }
    assert rates["relu", 16] == pytest.approx(1.5900, rel=0.02)
    assert rates["relu", 64] == pytest.approx(1.4931, rel=0.015)
    assert rates["identity", 16] == pytest.approx(14 / 13, rel=0.02)
    assert rates["identity", 64] == pytest.approx(62 / 61, rel=0.01)


def test_dropout_makes_equal_samples_differ():
    drawn = by(
        lambda run: run.dropout, measured("schoenholz_2017_dropout", "seeds=10", "record=forward")
    )
    for dropout, tables in drawn.items():
        cosines = [table["cosine"][-1] for table in tables]
        expected = _cosine_of_equals(dropout, layers=60)  # 1, 0.797, 0.366 and 0.122
        # one pair of samples in 500 neurons strays by 0.08 at most, the mean of ten by 0.026
        assert np.mean(cosines) == pytest.approx(expected, abs=0.08 if dropout else 1e-6)


def _cosine_of_equals(dropout, layers):
    """Of two equal inputs, after tanh layers that give each a mask of its own."""
    x, y = np.meshgrid(NODES, NODES)
    both = np.outer(WEIGHTS, WEIGHTS)
    own = shared = 1.0  # E h^2, and E h h' of the two
    for _ in range(layers):
        q, p = 1.69 * own / (1 - dropout) + 0.05, 1.69 * shared + 0.05
        c = min(p / q, 1.0)
        first, second = math.sqrt(q) * x, math.sqrt(q) * (c * x + math.sqrt(1 - c * c) * y)
        own = (both * np.tanh(first) ** 2).sum()
        shared = (both * np.tanh(first) * np.tanh(second)).sum()
    return shared / own


def test_every_config_of_blocks_has_its_claim_checked():
    text = Path(__file__).read_text()
    for path in CONFIGS.iterdir():
        assert f'measured("{path.stem}"' in text
