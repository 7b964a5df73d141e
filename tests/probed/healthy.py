"""Healthy models the rules were tuned on: nothing at failing level may be found in them."""

from torch import nn

from probed.batches import normal, positional, tokens, uniform
from probed.case import Case
from probed.models.convolutional import Discriminator, Generator, ResNet, UNet
from probed.models.gpt import GPT, post_norm_gpt, zero_head_gpt
from probed.models.initialisers import he
from probed.models.perceptrons import MLP, Siren
from probed.models.sequences import CrossAttention, Flow, LanguageLSTM

HEALTHY = (
    Case("mlp_he_relu20", lambda: MLP(20, weights=he), normal(64, 128)),
    Case("mlp_default_relu3", lambda: MLP(3), normal(64, 128)),
    Case("gpt_pre12", lambda: GPT(12), tokens(256), loss="cross_entropy"),
    Case("gpt_pre48", lambda: GPT(48), tokens(256), loss="cross_entropy", slow=True),
    Case("gpt_post6", lambda: post_norm_gpt(6), tokens(256), loss="cross_entropy"),
    Case("gpt_zero_head", zero_head_gpt, tokens(256), loss="cross_entropy"),
    Case(
        "gpt_nanochat_zero",
        lambda: zero_head_gpt(zero_branches=True),
        tokens(256),
        loss="cross_entropy",
    ),
    # 16 rows or more, or batch statistics are noise
    Case("resnet20", lambda: ResNet(3), normal(16, 3, 32, 32), loss="cross_entropy"),
    Case(
        "resnet56_zero_gamma",
        lambda: ResNet(9, zero_gamma=True),
        normal(16, 3, 32, 32),
        loss="cross_entropy",
        slow=True,
    ),
    Case("lstm2", LanguageLSTM, tokens(100), loss="cross_entropy"),
    Case("flow8", Flow, normal(32, 16)),
    Case("dcgan_generator", Generator, normal(16, 32)),
    Case("dcgan_discriminator", Discriminator, normal(16, 3, 32, 32)),
    Case("cross_attention", CrossAttention, positional(normal(4, 8, 64), normal(4, 9, 64))),
    Case("siren", Siren, uniform(256, 2)),
    Case("unet", UNet, normal(4, 3, 32, 32)),
    Case(
        "nn_transformer",
        lambda: nn.Transformer(64, 4, 3, 3, 128, batch_first=True),
        positional(normal(4, 10, 64), normal(4, 8, 64)),
    ),
)
