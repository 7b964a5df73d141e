"""Encoders of text: BERT and its descendants."""

from probed.case import Case
from probed.huggingface_builds import MASKED, TOKENS, encoder, transformer

ENCODERS: tuple[Case, ...] = (
    Case("hf_bert", encoder("Bert", "ForMaskedLM"), MASKED),
    Case("hf_roberta", encoder("Roberta", "ForMaskedLM", max_position_embeddings=64), MASKED),
    Case("hf_electra", encoder("Electra", "ForMaskedLM", embedding_size=32), MASKED),
    Case("hf_albert", encoder("Albert", "ForMaskedLM", embedding_size=32), MASKED),
    Case("hf_camembert", encoder("Camembert", "ForMaskedLM"), MASKED),
    Case("hf_convbert", encoder("ConvBert", "ForMaskedLM", embedding_size=64), MASKED),
    Case("hf_roformer", encoder("RoFormer", "ForMaskedLM", embedding_size=64), MASKED),
    Case("hf_mpnet", encoder("MPNet", "ForMaskedLM"), MASKED),
    Case("hf_fnet", encoder("FNet", "ForMaskedLM", tpu_short_seq_length=32), TOKENS),
    Case("hf_nystromformer", encoder("Nystromformer", "ForMaskedLM"), MASKED),
    Case("hf_megatron_bert", encoder("MegatronBert", "ForMaskedLM"), MASKED),
    Case(
        "hf_deberta_v2",
        encoder(
            "DebertaV2",
            "ForMaskedLM",
            relative_attention=True,
            pos_att_type=["p2c", "c2p"],
            position_buckets=16,
        ),
        MASKED,
    ),
    Case(
        "hf_distilbert",
        transformer(
            "DistilBertConfig",
            "DistilBertForMaskedLM",
            vocab_size=200,
            dim=64,
            n_layers=4,
            n_heads=4,
            hidden_dim=128,
        ),
        MASKED,
    ),
    Case(
        "hf_modernbert",
        encoder(
            "ModernBert",
            "ForMaskedLM",
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
            cls_token_id=1,
            sep_token_id=2,
        ),
        MASKED,
    ),
    Case(
        "hf_longformer",
        encoder("Longformer", "ForMaskedLM", attention_window=8, max_position_embeddings=64),
        MASKED,
    ),
    Case(
        "hf_xlnet",
        transformer(
            "XLNetConfig",
            "XLNetLMHeadModel",
            vocab_size=200,
            d_model=64,
            n_layer=4,
            n_head=4,
            d_inner=128,
        ),
        TOKENS,
    ),
    Case(
        "hf_funnel",
        transformer(
            "FunnelConfig",
            "FunnelForMaskedLM",
            vocab_size=200,
            d_model=64,
            n_head=4,
            d_head=16,
            d_inner=128,
            block_sizes=[2, 2],
            num_decoder_layers=1,
        ),
        MASKED,
    ),
)
