"""Small random configurations of the `transformers` library; nothing is downloaded."""

from probed.case import Case
from probed.huggingface_decoders import DECODERS
from probed.huggingface_encoders import ENCODERS
from probed.huggingface_faulty import TRULY_FAULTY
from probed.huggingface_pictures import PICTURES
from probed.huggingface_sequences import SEQUENCES

TRANSFORMERS: tuple[Case, ...] = ENCODERS + DECODERS + SEQUENCES + PICTURES

__all__ = ["TRANSFORMERS", "TRULY_FAULTY"]
