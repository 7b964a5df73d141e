"""Small random configurations of the `transformers` library; nothing is downloaded."""

from probed.case import Case
from probed.library_decoders import DECODERS
from probed.library_encoders import ENCODERS
from probed.library_faulty import TRULY_FAULTY
from probed.library_pictures import PICTURES
from probed.library_sequences import SEQUENCES

TRANSFORMERS: tuple[Case, ...] = ENCODERS + DECODERS + SEQUENCES + PICTURES

__all__ = ["TRANSFORMERS", "TRULY_FAULTY"]
