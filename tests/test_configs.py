"""Every spec that ships says what it claims, and its claim comes true."""

import math
from pathlib import Path

import numpy as np
import pytest
from helpers import in_memory

import initlab
from initlab.catalog.columns import columns

ROOT = Path(__file__).parent.parent
CONFIGS = sorted((ROOT / "configs").rglob("*.yaml"))

#: config -> (nan onset, std at the last layer, forward, backward). The numbers are those that a
#: plain PyTorch script prints after torch.manual_seed(1); see test_article.py for that script.
#: Two per cent is what a hundred chaotic tanh layers leave of them between machines.
CLAIMS = {
    "01_linear_normal": (31, None, "nan", ""),
    "02_relu_normal": (35, None, "nan", ""),
    "03_linear_lecun": (None, 1.2215, "steady", "steady"),
    "04_tanh_lecun": (None, 0.0821, "steady", "steady"),
    "05_tanh_xavier": (None, 0.644, "steady", "exploding"),
    "06_relu_xavier": (None, 7.6e6, "exploding", "exploding"),
    "07_relu_lecun": (None, 5.9e-16, "vanishing", "vanishing"),
    "08_relu_kaiming": (None, 0.6668, "steady", "steady"),
    # what it claims is the pair of verdicts
    "09_sigmoid_gradient": (None, None, "steady", "vanishing"),
}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.stem)
def test_a_config_is_valid_and_says_what_it_claims(path):
    plan = initlab.load_plan(path)
    assert plan.runs
    assert path.read_text().startswith("# ")
    assert plan.head.about
    assert plan.head.name == path.stem


@pytest.mark.parametrize("name", CLAIMS)
def test_the_claim_of_an_article_config_comes_true(name):
    from initlab.store.outcome import result_cells

    plan = initlab.load_plan(ROOT / f"configs/article/{name}.yaml", ["band=0"])
    outcomes, _ = in_memory(plan)
    cells = result_cells(outcomes[0], plan.head.thresholds)
    onset, last, forward, backward = CLAIMS[name]
    assert cells["nan_onset"] == onset
    assert cells["forward_verdict"] == forward
    assert (cells["backward_verdict"] or "") == backward
    if last is not None:
        assert math.isclose(cells["std_last"], last, rel_tol=0.02)


def test_every_article_config_has_its_claim_checked():
    checked = {*CLAIMS, "10_ten_initialisers"}
    assert {path.stem for path in (ROOT / "configs/article").iterdir()} == checked


def test_the_tour_shows_all_ten_initialisers():
    plan = initlab.load_plan(ROOT / "configs/article/10_ten_initialisers.yaml")
    assert {run.init.name for run in plan.runs} == {
        "xavier_uniform",
        "xavier_normal",
        "kaiming_uniform",
        "kaiming_normal",
        "uniform",
        "normal",
        "constant",
        "orthogonal",
        "identity",
        "sparse",
    }


# what others have published ---------------------------------------------------------------------


def measured(name, *overrides):
    """Forward and backward columns of every run of a published experiment, by run."""
    plan = initlab.load_plan(ROOT / f"configs/published/{name}.yaml", ["band=0", *overrides])
    outcomes, _ = in_memory(plan, theory=False)
    names = (columns("layers", "forward"), columns("layers", "backward"))
    found = []
    for outcome in outcomes:
        m = outcome.measurement
        table = dict(zip(names[0], m.forward.T, strict=True)) | {"loss": m.loss_value}
        if m.backward is not None:
            table |= dict(zip(names[1], m.backward.T, strict=True))
        found.append(table)
    return list(zip(plan.runs, found, strict=True))


def test_cs231n_prints_these_stds():
    # the lecture's printout, of one network; a std of 500,000 numbers is good to half a per cent
    printed = [0.213081, 0.047551, 0.010630, 0.002378]
    for _, table in measured("cs231n_tanh"):
        np.testing.assert_allclose(table["std"][:4], printed, rtol=0.01)


def test_nielsen_s_layers_learn_five_times_more_slowly_than_the_next():
    # 0.003, 0.017, 0.070 and 0.285 are printed: ratios of 0.18, 0.24 and 0.25
    norms = np.median([table["bias_grad_std"][:4] for _, table in measured("nielsen_sigmoid")], 0)
    ratios = norms[:-1] / norms[1:]
    assert ((ratios > 0.17) & (ratios < 0.26)).all()
    # sigmoid at q = 1 + E sigmoid^2: sqrt(E sigmoid'^2) = 0.20 by quadrature, a layer
    assert np.exp(np.log(ratios).mean()) == pytest.approx(0.21, abs=0.02)


def test_glorot_and_bengio_s_activations_and_gradients_shrink_or_stay():
    for run, table in measured("glorot_2010"):
        signal = table["std"][4] / table["std"][0]
        gradient = table["grad_std"][0] / table["grad_std"][4]
        if run.init.name == "torch_default":  # sqrt(1/3) = 0.577 a layer, where tanh is linear
            assert signal == pytest.approx(0.577**4, rel=0.15)
            assert gradient == pytest.approx(0.577**4, rel=0.15)
        else:
            assert signal > 0.5
            assert gradient > 0.5
        # of the weights' gradients they observe that they are alike in all layers
        weights = table["weight_grad_std"][1:5]
        assert weights.max() / weights.min() < 1.25


def test_he_et_al_s_xavier_network_stalls_and_theirs_does_not():
    for run, table in measured("he_2015"):
        ratios = table["std"][28] / table["std"][0], table["grad_std"][0] / table["grad_std"][28]
        # Var W = 1 / n leaves half of the variance a layer, 28 times
        lost = 2.0**-14 if run.init.name == "xavier_normal" else 1.0
        np.testing.assert_allclose(ratios, lost, rtol=1)  # 28 layers of 512 stray by so much


def test_klambauer_et_al_s_network_normalises_itself():
    ((_, table),) = measured("selu_2017")
    assert np.abs(table["mean"]).max() < 0.05
    assert np.abs(table["std"] - 1).max() < 0.05


def test_a_small_head_makes_all_actions_equally_likely():
    for run, table in measured("ppo_head"):
        gain = run.layers[-1].init.parameters["gain"]
        # orthogonal rows of length gain: std = gain * rms / 8 * sqrt(64 / 64)
        assert table["std"][-1] == pytest.approx(gain * table["rms"][-2], rel=0.35)
        if gain == 0.01:
            assert table["loss"] == pytest.approx(math.log(4), abs=0.003)


def test_sitzmann_et_al_s_layers_have_the_arcsine_law():
    for run, table in measured("siren_2020"):
        omega_z = 30 * table["pre_std"][1:4]
        if run.bias is None:
            # v = 1 - e^(-2v) has the solution 0.7968; two layers after 1 it is approached
            assert omega_z[0] == pytest.approx(1, rel=0.03)
            assert omega_z[2] == pytest.approx(math.sqrt(0.7968), rel=0.05)
            assert table["std"][0] == pytest.approx(math.sqrt(0.5), rel=0.03)
        else:
            # biases U(-1/16, 1/16): 30^2 / (3 * 256) = 1.17 beside 2 E h^2
            assert omega_z[1] ** 2 == pytest.approx(1.17 + 2 * table["rms"][1] ** 2, rel=0.05)
            np.testing.assert_allclose(table["std"][:4], math.sqrt(0.5), rtol=0.03)


def test_a_tapering_xavier_network_loses_neither_pass():
    for _, table in measured("digits_xavier"):
        ends = table["std"][3] / table["std"][0], table["grad_std"][0] / table["grad_std"][3]
        # forward 2n / (n + m): 4/3, 1 and 4/3; backward 2m / (n + m): 2/3, 1 and 2/3, and tanh
        # takes its share of both
        assert all(0.3 < ratio < 1.4 for ratio in ends)


def test_every_published_config_has_its_claim_checked():
    text = Path(__file__).read_text()
    for path in (ROOT / "configs/published").iterdir():
        assert f'measured("{path.stem}")' in text
