"""Healthy models the rules were not tuned on: what they find here is a false alarm.

Written before the rules were run on them, as people write them, and never changed to please a
rule. A finding may be a note.
"""

import torch
from torch import Tensor

from probed.batches import named, normal, ones, positional, tokens, uniform
from probed.case import Case
from probed.models import (
    attentive,
    generative,
    habits,
    language,
    picture_blocks,
    picture_classifiers,
    recurrences,
    sets_and_graphs,
    signals,
    small,
)
from probed.models.recurrences import Stack

# 16 pictures, or batch statistics are noise
PICTURES = normal(16, 3, 32, 32)
TOKENS = tokens(100, 4, 24)


def graphs() -> tuple[Tensor, Tensor]:
    """Four graphs of twelve nodes, features and symmetric edges."""
    upper = (torch.rand(4, 12, 12) < 0.3).float().triu(1)
    return torch.randn(4, 12, 16), upper + upper.transpose(1, 2)


def diffusion() -> tuple[dict[str, Tensor]]:
    """One argument that is a dict."""
    return ({"x": torch.randn(4, 3, 16, 16), "time": torch.randint(0, 1000, (4,))},)


def clicks() -> tuple[Tensor, Tensor, Tensor]:
    """Bags of ten items, users, and four numbers."""
    return torch.randint(0, 500, (32, 10)), torch.randint(0, 50, (32,)), torch.randn(32, 4)


VISION = (
    Case(
        "resnet50_bottleneck",
        picture_classifiers.BottleneckResNet,
        PICTURES,
        loss="cross_entropy",
        slow=True,
    ),
    Case("resnet_preact", picture_classifiers.PreActivationResNet, PICTURES, loss="cross_entropy"),
    Case("densenet", picture_classifiers.DenseNet, PICTURES, loss="cross_entropy", slow=True),
    Case("mobilenet", picture_classifiers.MobileNet, PICTURES, loss="cross_entropy"),
    Case("convnext", picture_blocks.ConvNeXt, normal(8, 3, 32, 32), loss="cross_entropy"),
    Case("efficientnet", picture_blocks.EfficientNet, PICTURES, loss="cross_entropy"),
    Case("fixup", picture_blocks.Fixup, PICTURES, loss="cross_entropy"),
    Case("unet_additive", picture_blocks.AdditiveUNet, PICTURES),
    Case("vit_cls", attentive.ViT, normal(8, 3, 32, 32), loss="cross_entropy"),
    Case("mixer", attentive.Mixer, normal(8, 3, 32, 32), loss="cross_entropy"),
    Case("detector_dataclass", habits.Detector, normal(8, 3, 32, 32)),
    Case("dqn_dueling", picture_blocks.DuelingDQN, lambda: 255 * torch.rand(8, 4, 60, 60)),
)

SEQUENCES = (
    Case("llama_by_hand", language.Llama, tokens(200), loss="cross_entropy"),
    Case("mixture_of_experts", language.MixtureOfExperts, tokens(200), loss="cross_entropy"),
    Case(
        "translator_keywords",
        language.Translator,
        named(source=tokens(200, 4, 16), target=tokens(200, 4, 12), mask=ones(4, 16)),
        loss="cross_entropy",
    ),
    Case("perceiver_shared", attentive.Perceiver, normal(8, 64, 16), loss="cross_entropy"),
    Case("lstm_attention", recurrences.AttentiveLSTM, TOKENS, loss="cross_entropy"),
    Case(
        "seq2seq_gru",
        recurrences.Seq2Seq,
        positional(TOKENS, tokens(120, 4, 10)),
        loss="cross_entropy",
    ),
    Case("selective_state", lambda: Stack(recurrences.SelectiveState), TOKENS),
    Case("linear_recurrence", lambda: Stack(recurrences.LinearRecurrence), TOKENS),
    Case("rwkv_by_hand", lambda: Stack(recurrences.TimeMix), TOKENS),
    Case("tcn", signals.TCN, normal(16, 1, 64), loss="cross_entropy"),
    Case("wavenet", signals.WaveNet, normal(4, 1, 300)),
    Case("speech_ctc", signals.SpeechNet, normal(8, 40, 60)),
)

GENERATIVE = (
    Case("vae", generative.VAE, lambda: torch.rand(16, 1, 28, 28)),
    Case("gan_spectral", generative.GAN, normal(16, 32)),
    Case("critic_spectral", generative.SpectralDiscriminator, PICTURES),
    Case("glow", generative.Glow, normal(32, 12), loss="model"),
    Case("diffusion_unet", generative.DiffusionUNet, diffusion),
    Case("nerf", small.NeRF, positional(uniform(256, 3), uniform(256, 3))),
)

OTHERS = (
    Case("gcn", sets_and_graphs.GCN, graphs, loss="cross_entropy"),
    Case("gat", sets_and_graphs.GAT, graphs, loss="cross_entropy"),
    Case("pointnet", sets_and_graphs.PointNet, normal(16, 3, 64), loss="cross_entropy"),
    Case("deepsets", sets_and_graphs.DeepSets, normal(16, 20, 5)),
    Case("wide_and_deep", sets_and_graphs.WideAndDeep, clicks),
    Case("highway", small.Highway, normal(32, 64), loss="cross_entropy"),
    Case("selu20", small.self_normalizing, normal(64, 96), loss="cross_entropy"),
    Case("neural_ode", small.NeuralODE, normal(32, 32), loss="cross_entropy"),
    Case("hypernetwork", small.Hypernetwork, positional(normal(16, 8, 16), normal(16, 8))),
    Case("actor_critic", small.ActorCritic, normal(64, 8)),
    Case("siamese", small.Siamese, positional(normal(16, 32), normal(16, 32))),
    Case("quantiles", small.Quantiles, normal(64, 12)),
    Case("in_place", habits.InPlace, normal(32, 64)),
    Case("checkpointed", habits.Checkpointed, normal(32, 64)),
    Case("weight_norm", habits.weight_normed, normal(32, 64)),
    Case("lora", habits.low_rank, normal(32, 64)),
    Case("student_teacher", habits.Teacher, positional(normal(16, 32), normal(16, 32))),
)

UNSEEN = VISION + SEQUENCES + GENERATIVE + OTHERS
