"""Models whose initialisation, or small size, is at fault; the comment says how."""

from probed.batches import named, normal
from probed.case import Case
from probed.huggingface_builds import FEW, MANY, PATCHED, SHORT, transformer

TRULY_FAULTY: tuple[Case, ...] = (
    # cls and mask tokens and both tables of positions are zero, so rows of zeros enter a
    # LayerNorm of eps 1e-12
    Case(
        "hf_vit_mae",
        transformer(
            "ViTMAEConfig",
            "ViTMAEForPreTraining",
            **PATCHED,
            decoder_hidden_size=32,
            decoder_num_hidden_layers=2,
            decoder_num_attention_heads=4,
            decoder_intermediate_size=64,
        ),
        FEW,
        rules=("norm-starved",),
    ),
    # cls and distillation tokens and their positions are zero: the same, in 2 of 17 rows
    Case(
        "hf_deit",
        transformer("DeiTConfig", "DeiTForImageClassification", **PATCHED, num_labels=10),
        FEW,
        rules=("norm-starved",),
        site="deit",
    ),
    # its cls token is zero and there are no absolute positions: the same, in 1 of 17 rows
    Case(
        "hf_beit",
        transformer("BeitConfig", "BeitForImageClassification", **PATCHED, num_labels=10),
        FEW,
        rules=("norm-starved",),
        site="beit",
    ),
    # N(0, .02) on convolutions this narrow leaves a batch norm less than its eps
    Case(
        "hf_mobilevit",
        transformer(
            "MobileViTConfig",
            "MobileViTForImageClassification",
            hidden_sizes=[16, 24, 32],
            neck_hidden_sizes=[8, 8, 16, 16, 24, 32, 64],
            num_attention_heads=4,
            image_size=64,
            num_labels=10,
        ),
        named(pixel_values=normal(16, 3, 64, 64)),
        rules=("norm-starved",),
        site="mobilevit",
        slow=True,
    ),
    # the same: what passes the starved norms is so small that some gradients underflow to 0
    Case(
        "hf_efficientnet",
        transformer(
            "EfficientNetConfig",
            "EfficientNetForImageClassification",
            image_size=32,
            width_coefficient=0.25,
            depth_coefficient=0.25,
            hidden_dim=320,
            num_labels=10,
        ),
        MANY,
        rules=("norm-starved", "zero-gradient"),
        site="efficientnet",
        slow=True,
    ),
    # on purpose: embeddings of 1e-4 in front of a norm of eps 1e-5, so that they soon move away
    Case(
        "hf_rwkv",
        transformer(
            "RwkvConfig",
            "RwkvForCausalLM",
            vocab_size=200,
            hidden_size=64,
            num_hidden_layers=3,
            context_length=64,
        ),
        SHORT,
        rules=("norm-starved",),
        site="rwkv.blocks.0.pre_ln",
    ),
    # 64 pixels leave one token in the last stage, where a softmax over one has slope zero
    Case(
        "hf_levit",
        transformer(
            "LevitConfig",
            "LevitForImageClassification",
            image_size=64,
            hidden_sizes=[32, 48, 64],
            num_attention_heads=[2, 3, 4],
            depths=[1, 1, 1],
            key_dim=[8, 8, 8],
            num_labels=10,
        ),
        named(pixel_values=normal(16, 3, 64, 64)),
        rules=("zero-gradient",),
        site="levit",
    ),
)
