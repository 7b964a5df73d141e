"""Broken models: each must be found, under one of the named rules and in the right module."""

from torch import nn

from probed.batches import normal, tokens
from probed.case import Case
from probed.models import faulty, misdrawn
from probed.models import initialisers as laws
from probed.models.gpt import GPT, post_norm_gpt
from probed.models.perceptrons import MLP, ResidualMLP
from probed.models.sequences import Encoder

ROWS = normal(64, 128)

# scale: too large or too small, layer after layer
SCALES = (
    Case(
        "sigmoid30",
        lambda: MLP(30, activation=nn.Sigmoid, weights=laws.lecun),
        ROWS,
        rules=("signal-lost", "gradient-vanishes"),
        site="net",
    ),
    Case(
        "relu_n002_30",
        lambda: MLP(30, weights=laws.normal(0.02)),
        ROWS,
        rules=("forward-vanishes", "signal-lost", "gradient-vanishes"),
        site="net",
    ),
    Case(
        "relu_default30",
        lambda: MLP(30),
        ROWS,
        rules=("signal-lost", "gradient-vanishes"),
        site="net",
    ),
    Case(
        "normal1_40",
        lambda: MLP(40, weights=laws.normal(1.0)),
        ROWS,
        rules=("forward-explodes", "nonfinite-forward"),
        site="net",
    ),
    Case(
        "tanh53_100",
        lambda: MLP(100, activation=nn.Tanh, weights=laws.xavier(5 / 3)),
        ROWS,
        rules=("gradient-explodes",),
        site="net",
    ),
    # float32 holds it or not, by the seed
    Case(
        "res200",
        lambda: ResidualMLP(200),
        normal(64, 64),
        rules=("forward-explodes", "nonfinite-forward"),
        site="blocks",
        slow=True,
    ),
    Case(
        "residual_gain3",
        lambda: ResidualMLP(24, scale=3.0),
        normal(64, 64),
        rules=("forward-explodes",),
        site="(model)",
    ),
    Case(
        "bn60",
        lambda: MLP(60, weights=laws.he, norm=nn.BatchNorm1d),
        ROWS,
        rules=("gradient-explodes",),
        site="net",
        slow=True,
    ),
    Case(
        "vgg_n001",
        misdrawn.small_normal_vgg,
        normal(8, 3, 32, 32),
        rules=("forward-vanishes", "signal-lost", "gradient-vanishes"),
        site="features",
    ),
    Case(
        "fp16_overflow",
        lambda: MLP(8, weights=laws.normal(0.7)),
        ROWS,
        dtype="float16",
        rules=("nonfinite-forward", "forward-explodes", "half-headroom"),
        site="net",
    ),
    # neither forward nor gradient scale shows it; only its steps are too large
    Case(
        "postln48",
        lambda: post_norm_gpt(48),
        tokens(256),
        loss="cross_entropy",
        rules=("update-amplified",),
        level="seed-dependent",
        slow=True,
    ),
)

# values: a parameter that was never drawn, drawn once for all, or has no randomness
PARAMETERS = (
    Case(
        "const_init",
        misdrawn.all_constant,
        ROWS,
        rules=("no-symmetry-breaking",),
        site="net",
    ),
    Case(
        "constant_hidden",
        misdrawn.constant_hidden,
        normal(16, 3, 32, 32),
        rules=("no-symmetry-breaking",),
        site="hidden.weight",
    ),
    Case(
        "tied_init",
        misdrawn.same_weights,
        ROWS,
        rules=("identical-parameters",),
        site="net",
    ),
    Case(
        "enc_copies",
        Encoder,
        tokens(100),
        rules=("identical-parameters",),
        site="encoder.layers",
    ),
    Case(
        "cloned_layers",
        faulty.ClonedLayers,
        normal(32, 64),
        rules=("identical-parameters",),
        site="layers",
    ),
    Case(
        "empty_mem",
        misdrawn.ReusedMemory,
        normal(32, 64),
        rules=("parameter-uninitialised",),
        site="mixing",
    ),
    Case(
        "missing_bias",
        misdrawn.ForgottenBias,
        normal(32, 64),
        rules=("parameter-uninitialised",),
        site="shift",
    ),
    Case(
        "nan_weight",
        misdrawn.nan_weight,
        ROWS,
        rules=("parameter-nonfinite",),
        site="net.2.weight",
    ),
)

# gradients: parts that do not learn, or learn from inf
GRADIENTS = (
    Case(
        "double_zero",
        misdrawn.DoubleZero,
        normal(64, 64),
        rules=("dead-units", "zero-gradient"),
        site="branch",
    ),
    Case("dead_bias", misdrawn.dead_bias, ROWS, rules=("dead-units",), site="net"),
    Case(
        "gru_bidirectional_last",
        faulty.LastStepGRU,
        tokens(100),
        rules=("zero-gradient",),
        site="gru.weight_hh_l0_reverse",
    ),
    Case("zero_lora", misdrawn.zero_lora, normal(32, 64), rules=("zero-gradient",), site="0.lora"),
    Case(
        "unused_layer", faulty.Unused, ROWS, rules=("unused-parameter",), level="note", site="lost"
    ),
    Case(
        "unused_detached",
        faulty.Detached,
        ROWS,
        rules=("unused-parameter",),
        level="note",
        site="cut",
    ),
    Case(
        "zero_token_vit",
        faulty.ZeroTokenViT,
        normal(4, 3, 32, 32),
        rules=("norm-starved",),
        site="blocks.0.norm1",
    ),
    Case(
        "sqrt_of_zero",
        faulty.Metric,
        normal(16, 32),
        rules=("nonfinite-backward",),
        site="distances",
    ),
    Case(
        "log_of_zero",
        faulty.MaskedEntropy,
        normal(16, 32),
        # of a log that is -inf, as a mask may be, and of the product with 0
        rules=("nonfinite-forward", "nonfinite-backward"),
        site="entropy",
    ),
)

# heads: what the loss expects of the last layer
HEADS = (
    Case(
        "double_softmax",
        faulty.DoubleSoftmax,
        ROWS,
        loss="cross_entropy",
        rules=("double-softmax",),
    ),
    Case(
        "softmax_at_the_end",
        misdrawn.softmax_at_the_end,
        normal(16, 3, 32, 32),
        loss="cross_entropy",
        rules=("double-softmax",),
        site="1",
    ),
    Case(
        "tied_emb_n01",
        lambda: GPT(6, embedding_std=1.0),
        tokens(256),
        loss="cross_entropy",
        rules=("initial-loss",),
        site="head",
    ),
    Case(
        "tied_gru_n01",
        misdrawn.TiedEmbedding,
        tokens(256),
        loss="cross_entropy",
        rules=("initial-loss",),
        site="head",
    ),
    Case(
        "head_n01",
        misdrawn.wide_heads,
        tokens(256),
        loss="cross_entropy",
        rules=("initial-loss",),
        site="head",
    ),
)

BROKEN = SCALES + PARAMETERS + GRADIENTS + HEADS
