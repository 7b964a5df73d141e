"""How the cases of the `transformers` library are built: random weights, a small configuration.

Their classes are named by strings, because importing them takes seconds.
"""

from collections.abc import Callable
from typing import Any

from torch import nn

from probed.batches import named, normal, ones, tokens

# the first ids are padding and the like; padding has a row of zeros, which starves a norm
WORDS = tokens(200, first=5)
FEW_WORDS = tokens(200, 4, 16, first=5)
TOKENS = named(input_ids=WORDS)
MASKED = named(input_ids=WORDS, attention_mask=ones(4, 32))
SHORT = named(input_ids=FEW_WORDS)
PAIR = named(input_ids=FEW_WORDS, decoder_input_ids=FEW_WORDS)

SMALL = {
    "hidden_size": 64,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "intermediate_size": 128,
}
PATCHED = SMALL | {"image_size": 32, "patch_size": 8}
TEXT = {
    "vocab_size": 200,
    "max_position_embeddings": 32,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
# batch statistics need 16 pictures
MANY = named(pixel_values=normal(16, 3, 32, 32))
FEW = named(pixel_values=normal(4, 3, 32, 32))


def transformer(config: str, model: str, **options: Any) -> Callable[[], nn.Module]:
    """A build of class `model` with random weights for the options of class `config`."""

    def build() -> nn.Module:
        import transformers

        return getattr(transformers, model)(getattr(transformers, config)(**options))

    return build


def encoder(family: str, model: str, **options: Any) -> Callable[[], nn.Module]:
    """One whose config has BERT's names."""
    sizes = {"vocab_size": 200} | SMALL
    return transformer(f"{family}Config", f"{family}{model}", **sizes | options)


def decoder(family: str, **options: Any) -> Callable[[], nn.Module]:
    """One whose config has Llama's names."""
    sizes = {"num_key_value_heads": 2, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    return encoder(family, "ForCausalLM", **sizes | options)
