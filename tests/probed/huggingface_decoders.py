"""Decoders of text: GPT-2, Llama, state spaces, and their descendants."""

from probed.case import Case
from probed.huggingface_builds import MASKED, SHORT, TOKENS, decoder, encoder, transformer

DECODERS: tuple[Case, ...] = (
    Case(
        "hf_gpt2",
        transformer(
            "GPT2Config",
            "GPT2LMHeadModel",
            vocab_size=200,
            n_embd=64,
            n_layer=6,
            n_head=4,
            n_positions=64,
            bos_token_id=1,
            eos_token_id=2,
        ),
        TOKENS,
    ),
    Case(
        "hf_gpt_neo",
        transformer(
            "GPTNeoConfig",
            "GPTNeoForCausalLM",
            vocab_size=200,
            hidden_size=64,
            num_layers=4,
            num_heads=4,
            attention_types=[[["global", "local"], 2]],
            window_size=16,
            bos_token_id=1,
            eos_token_id=2,
        ),
        TOKENS,
    ),
    Case(
        "hf_gptj",
        transformer(
            "GPTJConfig",
            "GPTJForCausalLM",
            vocab_size=200,
            n_embd=64,
            n_layer=4,
            n_head=4,
            n_positions=64,
            rotary_dim=8,
        ),
        TOKENS,
    ),
    Case("hf_gpt_neox", encoder("GPTNeoX", "ForCausalLM"), TOKENS),
    Case(
        "hf_opt",
        transformer(
            "OPTConfig",
            "OPTForCausalLM",
            vocab_size=200,
            hidden_size=64,
            word_embed_proj_dim=64,
            ffn_dim=128,
            num_hidden_layers=4,
            num_attention_heads=4,
        ),
        MASKED,
    ),
    Case(
        "hf_bloom",
        transformer(
            "BloomConfig", "BloomForCausalLM", vocab_size=200, hidden_size=64, n_layer=4, n_head=4
        ),
        MASKED,
    ),
    Case(
        "hf_falcon",
        transformer(
            "FalconConfig",
            "FalconForCausalLM",
            vocab_size=200,
            hidden_size=64,
            num_hidden_layers=4,
            num_attention_heads=4,
        ),
        TOKENS,
    ),
    Case("hf_llama", decoder("Llama", num_hidden_layers=6), TOKENS),
    Case("hf_mistral", decoder("Mistral", sliding_window=16), TOKENS),
    Case("hf_mixtral", decoder("Mixtral", num_local_experts=4), TOKENS),
    Case("hf_qwen2", decoder("Qwen2"), TOKENS),
    Case("hf_qwen3", decoder("Qwen3", head_dim=16), TOKENS),
    Case("hf_phi", encoder("Phi", "ForCausalLM"), TOKENS),
    Case("hf_phi3", decoder("Phi3"), TOKENS),
    Case("hf_gemma", decoder("Gemma", head_dim=16), TOKENS),
    Case("hf_gemma2", decoder("Gemma2", head_dim=16, sliding_window=16), TOKENS),
    # N(0, .02) is meant for a width of 4096; here it would starve the norms behind the branches
    Case("hf_olmo2", decoder("Olmo2", initializer_range=0.125), TOKENS),
    Case("hf_stablelm", decoder("StableLm"), TOKENS),
    Case("hf_granite", decoder("Granite"), TOKENS),
    Case("hf_cohere", decoder("Cohere"), TOKENS),
    Case(
        "hf_mamba",
        transformer(
            "MambaConfig",
            "MambaForCausalLM",
            vocab_size=200,
            hidden_size=64,
            num_hidden_layers=4,
            state_size=8,
        ),
        SHORT,
    ),
    Case(
        "hf_mamba2",
        transformer(
            "Mamba2Config",
            "Mamba2ForCausalLM",
            vocab_size=200,
            hidden_size=64,
            num_hidden_layers=3,
            num_heads=8,
            head_dim=16,
            state_size=8,
            n_groups=2,
            chunk_size=8,
        ),
        SHORT,
    ),
)
