"""The article's experiments: 100 layers, 256 wide, no bias, batch 16, x ~ N(0, 1), seed 1.

What the article prints is compared with what initlab measures, and so is what a plain PyTorch
script, written here, measures with the article's order of draws.
"""

from functools import lru_cache, partial

import numpy as np
import pytest
import torch
from helpers import in_memory
from torch import nn

from initlab import load_plan
from initlab.network.measurement import FORWARD

DEPTH, WIDTH, BATCH = 100, 256, 16
STD = FORWARD.index("std")
N = 1 / 16  # 1 / sqrt(256)

normal = partial(partial, nn.init.normal_)
xavier = partial(nn.init.xavier_uniform_, gain=nn.init.calculate_gain("tanh"))

# name: activation, init, the script's activation and initialiser, the article's first and last stds
EXPERIMENTS = {
    "linear, N(0, 1)": (
        "identity",
        "normal",
        nn.Identity(),
        normal(std=1.0),
        [15.95, 256.6, 4107],
        [],
    ),
    "relu, N(0, 1)": ("relu", "normal", nn.ReLU(), normal(std=1.0), [], []),
    "linear, N(0, 1/n)": (
        "identity",
        "lecun_normal",
        nn.Identity(),
        normal(std=N),
        [0.9975, 1.0024, 1.0027],
        [1.1618, 1.2215],
    ),
    "tanh, N(0, 1/n)": (
        "tanh",
        "lecun_normal",
        nn.Tanh(),
        normal(std=N),
        [0.6274, 0.4891, 0.4100],
        [0.0784, 0.0821],
    ),
    "tanh, Xavier uniform, gain 5/3": (
        "tanh",
        {"scheme": "xavier_uniform", "gain": "tanh"},
        nn.Tanh(),
        xavier,
        [0.7571, 0.6924, 0.6678],
        [],  # chaotic: the last layers differ between versions of torch
    ),
    "relu, Xavier uniform, gain 5/3": (
        "relu",
        {"scheme": "xavier_uniform", "gain": "tanh"},
        nn.ReLU(),
        xavier,
        [0.969, 1.087, 1.297],
        [],
    ),
    "relu, N(0, 1/n)": (
        "relu",
        "lecun_normal",
        nn.ReLU(),
        normal(std=N),
        [0.5845, 0.4393, 0.3230],
        [],
    ),
    "relu, Kaiming normal": (
        "relu",
        "kaiming_normal",
        nn.ReLU(),
        nn.init.kaiming_normal_,
        [0.8266, 0.8787, 0.9134],
        [0.6579, 0.6668],
    ),
}


@lru_cache
def measured(name):
    activation, init, *_ = EXPERIMENTS[name]
    plan = load_plan(
        {
            "depth": DEPTH,
            "width": WIDTH,
            "batch": BATCH,
            "activation": activation,
            "init": init,
            "draws": "script",
            "seeds": [1],
            "record": "forward",
            "band": 0,
        }
    )
    ((outcome,), _) = in_memory(plan)
    return outcome.measurement


@lru_cache
def script(name) -> list[float]:
    """Stds of a plain script, each in float64; it stops at the first nan."""
    _, _, activation, initialise, *_ = EXPERIMENTS[name]
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(1)
        layers = [nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(DEPTH)]
        for layer in layers:
            initialise(layer.weight)
        x = torch.randn(BATCH, WIDTH)
        stds = []
        for layer in layers:
            x = activation(layer(x))
            stds.append(float(x.double().std()))
            if np.isnan(stds[-1]):
                break
    return stds


@pytest.mark.parametrize("name", list(EXPERIMENTS))
def test_the_first_layers_are_the_article_s_and_a_plain_script_s(name):
    first = EXPERIMENTS[name][4]
    stds = measured(name).forward[:, STD]
    # the article rounds to 3 or 4 digits, within 5e-4 relative of each number
    np.testing.assert_allclose(stds[: len(first)], first, rtol=1e-3)
    np.testing.assert_allclose(stds[:8], script(name)[:8], rtol=1e-3)


@pytest.mark.parametrize("name", [name for name, e in EXPERIMENTS.items() if e[5]])
def test_the_last_layers_are_the_article_s(name):
    last = EXPERIMENTS[name][5]
    # .0784 is rounded to 6e-4 relative; float32 rounding through 100 layers adds less than that
    np.testing.assert_allclose(measured(name).forward[-len(last) :, STD], last, rtol=1e-3)


@pytest.mark.parametrize("name", [name for name in EXPERIMENTS if "5/3" not in name])
def test_every_layer_is_that_of_a_plain_script(name):
    # linear and ReLU networks and critical tanh ones do not amplify float32's rounding
    np.testing.assert_allclose(measured(name).forward[:, STD], script(name), rtol=1e-3)


# the article says 35 of the linear run; its code had a ReLU, and 35 is what the ReLU gives
@pytest.mark.parametrize(("name", "onset"), [("linear, N(0, 1)", 31), ("relu, N(0, 1)", 35)])
def test_the_layer_where_it_turns_nan(name, onset):
    m = measured(name)
    assert m.nan_onset == onset
    assert len(m.forward) == onset + 1
    assert len(script(name)) == onset + 1


def test_the_last_finite_layer_of_the_linear_explosion():
    # all activations of layer 30 are finite, the largest 8.3e37; a float32 std is nan there already
    stds = measured("linear, N(0, 1)").forward
    assert stds[30, STD] == pytest.approx(2.0787e37, rel=1e-3)
    assert stds[30, FORWARD.index("abs_max")] == pytest.approx(8.3e37, rel=1e-2)
    assert stds[30, FORWARD.index("finite_fraction")] == 1


@pytest.mark.parametrize(
    ("name", "last", "relative"),
    [
        ("tanh, Xavier uniform, gain 5/3", 0.644, 0.02),  # .65 is where every seed settles
        ("relu, Xavier uniform, gain 5/3", 7.6e6, 0.01),  # the article prints 2 digits
        ("relu, N(0, 1/n)", 5.9e-16, 0.01),
    ],
    ids=["steady", "grows", "vanishes"],
)
def test_where_a_hundred_layers_lead(name, last, relative):
    assert measured(name).forward[-1, STD] == pytest.approx(last, rel=relative)


def test_the_nan_onset_hardly_depends_on_the_seed():
    # of 200 seeds with the script's draws: linear 31 always, ReLU 35 (128 times) or 36 (72)
    plan = load_plan(
        {
            "depth": 40,
            "width": WIDTH,
            "batch": BATCH,
            "init": "normal",
            "seeds": 20,
            "activation": ["identity", "relu"],
            "record": "forward",
            "band": 0,
        }
    )
    outcomes, _ = in_memory(plan, jobs=2)
    onsets = {"identity": set(), "relu": set()}
    for run, outcome in zip(plan.runs, outcomes, strict=True):
        onsets[run.activation.name].add(outcome.measurement.nan_onset)
    assert onsets == {"identity": {31}, "relu": {35, 36}}
