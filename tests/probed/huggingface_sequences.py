"""Sequence to sequence, and speech."""

from probed.batches import named, normal
from probed.case import Case
from probed.huggingface_builds import FEW_WORDS, PAIR, transformer

SEQUENCES: tuple[Case, ...] = (
    Case(
        "hf_t5",
        transformer(
            "T5Config",
            "T5ForConditionalGeneration",
            vocab_size=200,
            d_model=64,
            d_kv=16,
            d_ff=128,
            num_layers=4,
            num_heads=4,
        ),
        PAIR,
    ),
    *(
        Case(
            f"hf_{family.lower()}",
            transformer(
                f"{family}Config",
                f"{family}{model}",
                vocab_size=200,
                d_model=64,
                encoder_layers=3,
                decoder_layers=3,
                encoder_attention_heads=4,
                decoder_attention_heads=4,
                encoder_ffn_dim=128,
                decoder_ffn_dim=128,
                max_position_embeddings=64,
                pad_token_id=0,
                bos_token_id=1,
                eos_token_id=2,
            ),
            PAIR,
        )
        for family, model in (
            ("Bart", "ForConditionalGeneration"),
            ("MBart", "ForConditionalGeneration"),
            ("Pegasus", "ForConditionalGeneration"),
            ("Marian", "MTModel"),
        )
    ),
    Case(
        "hf_whisper",
        transformer(
            "WhisperConfig",
            "WhisperForConditionalGeneration",
            vocab_size=200,
            d_model=64,
            encoder_layers=2,
            decoder_layers=2,
            encoder_attention_heads=4,
            decoder_attention_heads=4,
            encoder_ffn_dim=128,
            decoder_ffn_dim=128,
            num_mel_bins=20,
            max_source_positions=32,
            max_target_positions=32,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
            decoder_start_token_id=3,
        ),
        named(input_features=normal(4, 20, 64), decoder_input_ids=FEW_WORDS),
    ),
    Case(
        "hf_wav2vec2",
        transformer(
            "Wav2Vec2Config",
            "Wav2Vec2ForCTC",
            vocab_size=32,
            hidden_size=64,
            num_hidden_layers=3,
            num_attention_heads=4,
            intermediate_size=128,
            conv_dim=[32, 32, 32],
            conv_stride=[5, 2, 2],
            conv_kernel=[10, 3, 3],
            num_conv_pos_embeddings=16,
            num_conv_pos_embedding_groups=4,
            mask_time_prob=0.0,
        ),
        named(input_values=normal(4, 1600)),
    ),
)
