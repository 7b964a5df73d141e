"""Models of pictures: convolutional, attentive, and CLIP."""

from probed.batches import named, normal, ones
from probed.case import Case
from probed.huggingface_builds import (
    FEW,
    FEW_WORDS,
    MANY,
    MASKED,
    PATCHED,
    SMALL,
    TEXT,
    transformer,
)

# a stride of 32 in all leaves one place of 32 pixels, where whole channels are 0
LARGE = named(pixel_values=normal(16, 3, 96, 96))

CONVOLUTIONAL = (
    Case(
        "hf_resnet",
        transformer(
            "ResNetConfig",
            "ResNetForImageClassification",
            embedding_size=16,
            hidden_sizes=[32, 64],
            depths=[2, 2],
            num_labels=10,
        ),
        MANY,
    ),
    Case(
        "hf_convnext",
        transformer(
            "ConvNextConfig",
            "ConvNextForImageClassification",
            hidden_sizes=[16, 32],
            depths=[2, 2],
            num_stages=2,
            num_labels=10,
        ),
        FEW,
    ),
    Case(
        "hf_convnextv2",
        transformer(
            "ConvNextV2Config",
            "ConvNextV2ForImageClassification",
            hidden_sizes=[16, 32],
            depths=[2, 2],
            num_stages=2,
            num_labels=10,
        ),
        FEW,
    ),
    Case(
        "hf_bit",
        transformer(
            "BitConfig",
            "BitForImageClassification",
            embedding_size=16,
            hidden_sizes=[32, 64],
            depths=[1, 1],
            num_groups=4,
            num_labels=10,
        ),
        FEW,
    ),
    Case(
        "hf_regnet",
        transformer(
            "RegNetConfig",
            "RegNetForImageClassification",
            embedding_size=16,
            hidden_sizes=[16, 32],
            depths=[1, 1],
            groups_width=16,
            num_labels=10,
        ),
        MANY,
    ),
    Case(
        "hf_mobilenet_v1",
        transformer(
            "MobileNetV1Config",
            "MobileNetV1ForImageClassification",
            depth_multiplier=0.25,
            classifier_dropout_prob=0.2,  # its default drops 999 of 1000
            num_labels=10,
        ),
        LARGE,
    ),
    Case(
        "hf_mobilenet_v2",
        transformer(
            "MobileNetV2Config",
            "MobileNetV2ForImageClassification",
            depth_multiplier=0.25,
            classifier_dropout_prob=0.2,  # its default drops 4 of 5
            num_labels=10,
        ),
        LARGE,
        slow=True,
    ),
    Case(
        "hf_poolformer",
        transformer(
            "PoolFormerConfig",
            "PoolFormerForImageClassification",
            hidden_sizes=[16, 32],
            depths=[2, 2],
            num_encoder_blocks=2,
            patch_sizes=[7, 3],
            strides=[4, 2],
            padding=[2, 1],
            num_labels=10,
        ),
        FEW,
    ),
)

ATTENTIVE = (
    Case(
        "hf_vit",
        transformer(
            "ViTConfig",
            "ViTForImageClassification",
            **PATCHED | {"num_hidden_layers": 6},
            num_labels=10,
        ),
        FEW,
    ),
    Case(
        "hf_dinov2",
        transformer(
            "Dinov2Config",
            "Dinov2ForImageClassification",
            hidden_size=64,
            num_hidden_layers=4,
            num_attention_heads=4,
            mlp_ratio=2,
            image_size=32,
            patch_size=8,
            num_labels=10,
        ),
        FEW,
    ),
    Case(
        "hf_swin",
        transformer(
            "SwinConfig",
            "SwinForImageClassification",
            embed_dim=16,
            depths=[2, 2],
            num_heads=[2, 4],
            window_size=4,
            image_size=32,
            patch_size=4,
            num_labels=10,
        ),
        FEW,
    ),
    Case(
        "hf_swinv2",
        transformer(
            "Swinv2Config",
            "Swinv2ForImageClassification",
            embed_dim=16,
            depths=[2, 2],
            num_heads=[2, 4],
            window_size=4,
            image_size=32,
            patch_size=4,
            num_labels=10,
        ),
        FEW,
    ),
    Case(
        "hf_segformer",
        transformer(
            "SegformerConfig",
            "SegformerForImageClassification",
            hidden_sizes=[16, 32],
            depths=[2, 2],
            num_encoder_blocks=2,
            num_attention_heads=[1, 2],
            sr_ratios=[4, 2],
            patch_sizes=[7, 3],
            strides=[4, 2],
            mlp_ratios=[2, 2],
            num_labels=10,
        ),
        FEW,
    ),
    Case(
        "hf_clip",
        transformer(
            "CLIPConfig",
            "CLIPModel",
            text_config=SMALL | TEXT,
            vision_config=PATCHED,
            projection_dim=32,
        ),
        named(
            input_ids=FEW_WORDS,
            pixel_values=normal(4, 3, 32, 32),
            attention_mask=ones(4, 16),
        ),
    ),
    Case(
        "hf_siglip",
        transformer("SiglipVisionConfig", "SiglipVisionModel", **PATCHED),
        FEW,
    ),
    Case(
        "hf_perceiver",
        transformer(
            "PerceiverConfig",
            "PerceiverForMaskedLM",
            vocab_size=200,
            d_model=64,
            d_latents=64,
            num_latents=16,
            num_blocks=1,
            num_self_attends_per_block=3,
            num_self_attention_heads=4,
            num_cross_attention_heads=4,
            qk_channels=64,
            v_channels=64,
            max_position_embeddings=32,
        ),
        MASKED,
    ),
)

PICTURES: tuple[Case, ...] = CONVOLUTIONAL + ATTENTIVE
