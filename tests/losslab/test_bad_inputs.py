"""Input that torch gets wrong in silence, or refuses in other words: what is said of it instead.

A row is a mistake that users make. It is refused, computed with a warning, computed with a word, or
simply computed; where torch would return a number in silence, the message has that number; and the
change that the message suggests is made here, and computes. Numbers of torch are those of
torch 2.13; the others are by hand or by mpmath.
"""

import ast
import json
import math
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import tensor
from typer.testing import CliRunner

from initlab.catalog import ALLOWABLE, LOSSES, RULES
from initlab.catalog.values import flag
from initlab.cli.app import build
from initlab.errors import LossError
from initlab.losslab import checks, precision
from initlab.losslab.evaluate import evaluate
from initlab.losslab.settings import Settings

INF, NAN = math.inf, math.nan
EACH = ("l1", "mse", "smooth_l1", "huber")
TRIPLETS = ("triplet_margin", "triplet_margin_with_distance")
MULTI_TARGET = "RuntimeError: 0D or 1D target tensor expected, multi-target not supported"
BETWEEN = "RuntimeError: all elements of input should be between 0 and 1"
NOTHING = object()  # no value to compare with


@dataclass
class Row:
    """A call, what is found, and what mends it.

    `says` must be in the message, `torch` be the words on torch ("" for any). `fix` is what the
    suggestion must begin with; where it is words, `mended` replaces operands by what they ask for.
    `after` is the loss after that.
    """

    name: str
    loss: str
    operands: dict[str, Any]
    level: str = "error"
    rule: str = ""
    where: str = ""
    says: str | tuple[str, ...] = ()
    torch: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    reduction: str = "mean"
    fix: str = ""
    mended: dict[str, Any] = field(default_factory=dict)
    value: Any = NOTHING
    after: Any = NOTHING
    given: dict[str, Any] = field(default_factory=dict)  # settings

    def __str__(self):
        return f"{self.loss}: {self.name}"

    @property
    def settings(self):
        typed = {name: flag(name) for name in self.operands}
        return {"reduction": self.reduction, "typed": typed, **self.given}


ROWS: list[Row] = []


def row(level, name, loss, operands, rule="", where="", says=(), **more):
    losses = (loss,) if isinstance(loss, str) else loss
    for one in losses:
        ROWS.append(Row(name, one, operands, level, rule, where, says, **more))


def refused(*arguments, **more):
    row("error", *arguments, **more)


def warned(*arguments, **more):
    row("warning", *arguments, **more)


def informed(*arguments, **more):
    row("info", *arguments, **more)


def silent(*arguments, **more):
    row("silent", *arguments, **more)


# cross_entropy and nll ---------------------------------------------------------------------------

LOGITS = [[1.0, 2.0], [1.0, 3.0], [1.0, 3.0]]
LOG_PROBS = tensor(LOGITS).log_softmax(1).tolist()
SOFTMAX = tensor(LOGITS).softmax(1).tolist()
TARGET = [0, 1, 1]
FRAMES = torch.arange(30.0).reshape(2, 5, 3).sin().log_softmax(-1).tolist()  # classes last
CE = 0.5224  # of LOGITS and TARGET: (ln(1 + e) + 2 ln(1 + e^-2)) / 3
WEIGHTED = 0.3642  # with weights 1 and 2: (ln(1 + e) + 2 * 2 ln(1 + e^-2)) / 5

for loss, given in (("cross_entropy", LOGITS), ("nll", LOG_PROBS)):
    informed("class ids typed as fractions", loss, {"input": given, "target": [0.0, 1.0, 1.0]},
             "dtype-target", "--target", "float64 was cast to int64", value=CE)  # fmt: skip
    informed("class ids of a float32 tensor", loss, {"input": given, "target": tensor([0.0, 1, 1])},
             "dtype-target", "--target", "float32 was cast to int64", value=CE)  # fmt: skip
    informed("class ids of an int32 array", loss,
             {"input": given, "target": np.array(TARGET, dtype="int32")},
             "dtype-target", "--target", "int32 was cast to int64", value=CE)  # fmt: skip
    refused("a class id that is no whole number", loss, {"input": given, "target": [0, 0.5, 1]},
            "dtype-target", "--target", "1 of 3 values is 0.5 (index 1), no whole number",
            torch="RuntimeError: expected target dtype to be Long or Byte, but got",
            mended={"target": TARGET}, after=CE)  # fmt: skip
    refused("labels that count from 1", loss, {"input": given, "target": [1, 2, 2]},
            "target-range", "--target",
            ("2 of 3 values are no class (first: 2 at index 1)", "C = 2, valid are 0..1"),
            torch="IndexError: Target 2 is out of bounds",
            fix="--target-map '{1: 0, 2: 1}'", after=CE)  # fmt: skip
    refused("class C", loss, {"input": given, "target": [0, 2, 1]}, "target-range", "--target",
            "1 of 3 values is 2 (index 1), no class; C = 2, valid are 0..1",
            torch="IndexError: Target 2 is out of bounds", mended={"target": TARGET},
            after=CE)  # fmt: skip
    refused("class -1", loss, {"input": given, "target": [0, -1, 1]}, "target-range", "--target",
            ("1 of 3 values is -1 (index 1)", "ignore_index (-100)"),
            torch="IndexError: Target -1 is out of bounds",
            fix="--ignore-index -1", after=0.7201)  # (1.3133 + 0.1269) / 2  # fmt: skip
    refused("a target of (N, 1)", loss, {"input": given, "target": [[0], [1], [1]]},
            "shape-mismatch", "--target", "(3, 1) for an input (3, 2); needs class ids (3)",
            torch=MULTI_TARGET, fix="give --target as (3): '[0,1,1]'", after=CE)  # fmt: skip
    refused("every target ignored", loss, {"input": given, "target": [-100] * 3},
            "empty-mean", "--target", "all 3 are ignore_index (-100)",
            torch="no error, returns nan", fix="--reduction sum", after=0)  # fmt: skip
    refused("the weights of all targets 0", loss, {"input": given, "target": [0, 0, 0]},
            "empty-mean", "--target", "the weights of all 3 kept targets are 0",
            torch="no error, returns nan", options={"weight": [0, 1]},
            fix="--reduction sum", after=0)  # fmt: skip
    refused("an empty batch", loss,
            {"input": torch.zeros(0, 2), "target": torch.zeros(0, dtype=torch.int64)},
            "empty-mean", "--target", "there are none", torch="no error, returns nan",
            fix="--reduction sum", after=0)  # fmt: skip
    refused("a weight too many", loss, {"input": given, "target": TARGET},
            "option-range", "--weight", "has shape (3); needs one weight for each of 2",
            torch="RuntimeError: weight tensor should be defined either for all 2 classes",
            options={"weight": [1, 2, 3]}, mended={"weight": [1, 1]}, after=CE)  # fmt: skip
    silent("weights of float64", loss, {"input": given, "target": TARGET},
           options={"weight": np.array([1.0, 2.0])}, value=WEIGHTED)  # fmt: skip
    refused("classes in the last dimension", loss,
            {"input": FRAMES, "target": [[0, 1, 2, 0, 1]] * 2},
            "shape-mismatch", "--target", "(2, 5) for an input (2, 5, 3); needs class ids (2, 3)",
            torch="RuntimeError: Expected target size [2, 3], got [2, 5]",
            fix="--class-dim -1")  # fmt: skip
    refused("+inf for the true class", loss, {"input": [[1.0, INF]], "target": [1]},
            "non-finite", "--input", "1 of 2 values is inf (index [0, 1]), not finite",
            torch=f"no error, returns {'nan' if loss == 'cross_entropy' else '-inf'}",
            mended={"input": [[-1000.0, 0.0]]}, after=0)  # fmt: skip

silent("one-hot rows that were typed", "cross_entropy",
       {"input": LOGITS, "target": [[1, 0], [0, 1], [0, 1]]}, value=CE)  # fmt: skip
informed("one-hot rows of int64", "cross_entropy",
         {"input": LOGITS, "target": tensor([[1, 0], [0, 1], [0, 1]])},
         "dtype-target", "--target", "int64 was cast to float32", value=CE)  # fmt: skip
refused("one-hot rows", "nll", {"input": LOG_PROBS, "target": [[1, 0], [0, 1], [0, 1]]},
        "target-onehot", "--target", "(3, 2), one number for each class; NLLLoss needs class ids",
        torch=MULTI_TARGET, fix="give --target as its argmax: '[0,1,1]'", after=CE)  # fmt: skip
silent("integer logits that were typed", "cross_entropy",
       {"input": [[1, 2], [1, 3], [1, 3]], "target": TARGET}, value=CE)  # fmt: skip
informed("integer logits of a file", "cross_entropy",
         {"input": tensor([[1, 2], [1, 3], [1, 3]]), "target": TARGET},
         "dtype-input", "--input", "int64 was cast to float32", value=CE)  # fmt: skip
informed("integer log-probabilities", "nll",
         {"input": tensor([[0, -100], [-100, 0]]), "target": [0, 1]},
         "dtype-input", "--input", "int64 was cast to float32", value=0)  # fmt: skip
warned("softmax taken already", "cross_entropy", {"input": SOFTMAX, "target": TARGET},
       "double-softmax", "--input", ("sums to 1", "[0.3133, 1.3133] (C = 2)"),
       fix="--from probs", value=0.5723, after=CE)  # fmt: skip
refused("probabilities that do not sum to 1", "cross_entropy",
        {"input": LOGITS, "target": [[1.0, 0.5], [0, 1], [0, 1]]},
        "not-normalised", "--target", "row 0 sums to 1.5 (expected 1)",
        torch="no error, returns 0.5746",  # (1.3133 + 0.5 * 0.3133 + 2 * 0.1269) / 3
        # (2/3 1.3133 + 1/3 0.3133 + 2 * 0.1269) / 3
        fix="--normalise", after=0.4113)  # fmt: skip
refused("a negative probability", "cross_entropy",
        {"input": LOGITS, "target": [[1.2, -0.2], [0, 1], [0, 1]]},
        "prob-range", "--target", "2 of 6 values are outside 0..1 (first: 1.2 at index [0, 0])",
        torch="no error, returns 0.589",  # (1.2 * 1.3133 - 0.2 * 0.3133 + 2 * 0.1269) / 3
        # of q = softmax(1.2, -0.2) = (0.8022, 0.1978) 1.1155, of (0.2689, 0.7311) twice 0.6647
        fix="--target-from logits", after=0.8150)  # fmt: skip
refused("labels that count from 1, of many classes", "cross_entropy",
        {"input": torch.eye(9).mul(9).tolist(), "target": list(range(1, 10))}, "target-range",
        "--target", "1 of 9 values is 9 (index 8)", torch="IndexError: ",
        mended={"target": list(range(9))}, after=0.0010)  # ln(1 + 8 e^-9)  # fmt: skip
refused("signs for two classes", "cross_entropy", {"input": [[5.0, 1.0], [2.0, 3.0]],
                                                   "target": [-1, 1]},
        "target-range", "--target", "1 of 2 values is -1 (index 0)", torch="IndexError: ",
        fix="--target-map '{-1: 0}'",
        after=0.1657)  # (softplus(-4) + softplus(-1)) / 2  # fmt: skip
refused("signs for two classes", "multi_margin", {"input": [[5.0, 1.0], [2.0, 3.0]],
                                                  "target": [-1, 1]},
        "target-range", "--target", "1 of 2 values is -1 (index 0)", torch="RuntimeError: ",
        fix="--target-map '{-1: 0}'", after=0)  # fmt: skip
refused("one row for several targets", ("cross_entropy", "nll"),
        {"input": torch.zeros(5).log_softmax(0).tolist(), "target": [1, 2]}, "shape-mismatch",
        "--target", "(2) for an input (5); needs class ids ()", torch="", mended={"target": 1},
        after=math.log(5))  # fmt: skip
refused("two weights of twelve", "cross_entropy",
        {"input": torch.zeros(2, 12).tolist(), "target": [1, 2]}, "option-range",
        "--weight", "needs one weight for each of 12 classes", options={"weight": [1, 2]},
        torch="RuntimeError: ", mended={"weight": [1] * 12}, after=math.log(12))  # fmt: skip
refused("scores of a teacher, whole numbers", "cross_entropy",
        {"input": [[1.0, 2.0, 3.0]], "target": [[7.0, 5.0, 2.0]]}, "prob-range", "--target",
        "3 of 3 values are outside 0..1", torch="no error, returns ",
        fix="--target-from logits")  # fmt: skip
refused("multi-hot rows", "cross_entropy", {"input": LOGITS, "target": [[1.0, 1], [0, 1], [0, 1]]},
        "not-normalised", "--target", ("row 0 sums to 2", "do not exclude each other"),
        torch="no error, returns 0.6268",  # (1.3133 + 0.3133 + 2 * 0.1269) / 3
        # softplus of -1, -2, 1, -3, 1, -3
        fix="--name bce_with_logits", after=0.5273)  # fmt: skip
refused("a row of zeros", "cross_entropy", {"input": LOGITS, "target": [[0.0, 0], [0, 1], [0, 1]]},
        "not-normalised", "--target", ("row 0 sums to 0", "cannot be normalised"),
        torch="no error, returns 0.0846",  # 2 * 0.1269 / 3
        mended={"input": LOGITS[1:], "target": [1, 1]}, after=0.1269)  # fmt: skip
refused("one-hot classes in the last dimension", "cross_entropy",
        {"input": [[[1, 2, 3], [2, 1, 0]]], "target": [[[0.0, 1, 0], [1, 0, 0]]]},
        "not-normalised", "--target", "over dimension 2 all sums are 1",
        torch="no error, returns 0.", fix="--class-dim -1",
        after=0.9076)  # ln(e + e^2 + e^3) - 2 = 1.4076, and 0.4076  # fmt: skip
PIXELS = torch.arange(24.0).reshape(1, 3, 2, 4).cos()  # (N, C, H, W)
IDS = tensor([[[0, 1, 2, 0], [2, 2, 1, 0]]])
HALF = (torch.arange(32).reshape(2, 4, 4) % 3 == 0).float()  # a mask
COLOURS = tensor([[0.0, 0, 255], [0, 255, 0], [255, 0, 0]])
PIXEL_CE = float(torch.nn.CrossEntropyLoss()(PIXELS, IDS))
refused("classes that were turned away", "cross_entropy",
        {"input": torch.arange(6.0).reshape(1, 3, 2).cos(),
         "target": torch.eye(3)[tensor([[0, 2]])].movedim(1, 2)},
        "not-normalised", "--target", "over dimension 2 as it was turned all sums are 1",
        torch="no error, returns ", given={"class_dim": 2}, fix="leave --class-dim out",
        after=float(torch.nn.CrossEntropyLoss()(
            torch.arange(6.0).reshape(1, 3, 2).cos(), tensor([[0, 2]]))))  # fmt: skip
refused("one-hot last for classes in dimension 1", "cross_entropy",
        {"input": PIXELS, "target": torch.eye(3)[IDS]}, "shape-mismatch", "--target",
        ("(1, 2, 4, 3) for an input (1, 3, 2, 4)", "one-hot over its last dimension"),
        torch="RuntimeError: ", mended={"target": IDS}, after=PIXEL_CE)  # fmt: skip
refused("one-hot last of (N, H, W, C)", "cross_entropy",
        {"input": PIXELS.movedim(1, -1).contiguous(), "target": torch.eye(3)[IDS]},
        "not-normalised", "--target", "over dimension 3 all sums are 1",
        torch="no error, returns ", fix="--class-dim -1", after=PIXEL_CE)  # fmt: skip
refused("a mask of colours", "cross_entropy",
        {"input": PIXELS, "target": COLOURS[IDS]},
        "shape-mismatch", "--target", "three numbers for each position are colours",
        torch="RuntimeError: ", mended={"target": IDS}, after=PIXEL_CE)  # fmt: skip
refused("a mask of colours as an image", "cross_entropy",
        {"input": PIXELS, "target": COLOURS[IDS].movedim(-1, 1).contiguous()},
        "prob-range", "--target", "whose colours stand for classes", torch="no error, returns ",
        mended={"target": IDS}, after=PIXEL_CE)  # fmt: skip
refused("a dimension of size 1 too many", "cross_entropy",
        {"input": PIXELS, "target": IDS.unsqueeze(1)}, "shape-mismatch", "--target",
        "(1, 1, 2, 4) for an input (1, 3, 2, 4); needs class ids (1, 2, 4)",
        torch="RuntimeError: ", mended={"target": IDS}, after=PIXEL_CE)  # fmt: skip
for mark in (255, -1):
    refused(f"{mark} for what has no class", "cross_entropy",
            {"input": [*LOGITS, [0.0, 9.0]], "target": [*TARGET, mark]}, "target-range", "--target",
            f"1 of 4 values is {mark} (index 3)", torch="IndexError: ",
            fix=f"--ignore-index {mark}", after=CE)  # fmt: skip
warned("a sigmoid taken already", "cross_entropy", {"input": [[0.99, 0.02, 0.03]], "target": [0]},
       "double-sigmoid", "--input", "every score lies in 0..1, as after a sigmoid",
       value=0.5664,  # ln(1 + e^-0.97 + e^-0.96)
       # logits of these are 4.5951, -3.8918, -3.4761
       mended={"input": [[4.5951, -3.8918, -3.4761]]}, after=0.0005)  # fmt: skip
silent("cosines of a healthy batch", "cross_entropy",
       {"input": [[0.8, 0.3], [0.2, 0.7]], "target": [0, 1]},
       value=0.4741)  # softplus(-0.5)  # fmt: skip
silent("small logits, one of them 0", "cross_entropy",
       {"input": [[0.1, 0.0, 0.2], [0.3, 0.1, 0.0]], "target": [0, 1]}, value=1.1209)  # fmt: skip
silent("logits of a layer of zeros", "cross_entropy", {"input": [[0.0] * 3], "target": [0]},
       value=1.0986)  # ln 3  # fmt: skip
warned("a right class of probability 0", "nll", {"input": [[0.0, -INF]], "target": [1]},
       "saturated", "--target", "sample 0: its class 1 has the log-probability -inf", value=INF,
       fix="--name cross_entropy", mended={"input": [[50.0, 0.0]]}, after=50)  # fmt: skip
for smoothing, needs in ((-0.1, "at least 0"), (1.5, "at most 1")):
    refused(f"smoothing of {smoothing}", "cross_entropy",
            {"input": LOGITS, "target": TARGET}, "option-range", "--label-smoothing",
            f"needs a number of {needs}, got {smoothing}",
            options={"label_smoothing": smoothing},
            fix="give --label-smoothing a number from 0 to 1",
            mended={"label_smoothing": 0}, after=CE)  # fmt: skip
refused("one column of logits", "cross_entropy", {"input": [[1.0], [2.0]], "target": [0, 0]},
        "degenerate-shape", "--input", "one class, (2, 1): softmax over one class is 1",
        torch="no error, returns 0", fix="--name bce_with_logits",
        mended={"target": [[0], [0]]}, after=1.7201)  # (ln(1 + e) + ln(1 + e^2)) / 2  # fmt: skip
warned("a masked class under smoothing", "cross_entropy",
       {"input": [[1.0, -INF]], "target": [0]}, "non-finite", "--input", "the loss is infinite",
       options={"label_smoothing": 0.1}, fix="--label-smoothing 0", value=INF,
       after=0)  # fmt: skip
warned("a masked class of probability 0", "cross_entropy",
       {"input": [[1.0, -INF]], "target": [[1.0, 0.0]]}, "non-finite", "--input",
       "0 log 0 counts as 0", value=NAN)  # fmt: skip
refused("raw scores", "nll", {"input": LOGITS, "target": TARGET}, "not-log-prob", "--input",
        "row 0 sums to 10.1073 after exp (expected 1)",  # e + e^2
        torch="no error, returns -2.33333",  # -(1 + 3 + 3) / 3
        fix="--from logits", after=CE)  # fmt: skip
refused("probabilities", "nll", {"input": SOFTMAX, "target": TARGET}, "not-log-prob", "--input",
        ("3 of 3", "row 0 sums to 3.38"), torch="no error, returns -0.6768", fix="--from probs",
        after=CE)  # fmt: skip

# bce and bce_with_logits -------------------------------------------------------------------------

refused("a probability of 1.2", "bce", {"input": [1.2, 0.5], "target": [1, 0]},
        "prob-range", "--input", "1 of 2 values is 1.2 (index 0), outside 0..1",
        torch=BETWEEN, fix="--from logits",
        after=0.6187)  # (softplus(-1.2) + softplus(0.5)) / 2  # fmt: skip
refused("logits", "bce", {"input": [-3.0, 4.0], "target": [1, 0]}, "prob-range", "--input",
        "2 of 2 values are outside 0..1 (first: -3 at index 0)", torch=BETWEEN,
        fix="--from logits, or --name bce_with_logits",
        after=3.5334)  # (softplus(3) + softplus(4)) / 2  # fmt: skip
refused("nan", "bce", {"input": [NAN, 0.5], "target": [1, 0]}, "non-finite", "--input",
        "1 of 2 values is nan (index 0)", torch=BETWEEN, mended={"input": [1.0, 0.5]},
        after=0.3466)  # fmt: skip
OUTSIDE = "RuntimeError: all elements of target should be between 0 and 1"
for loss, x, two, minus in (
    ("bce", [0.2, 0.5], OUTSIDE, OUTSIDE),
    # softplus(-2) + softplus(-0.5) - t x with t = 2 and -1, by 2
    ("bce_with_logits", [2.0, -0.5], "no error, returns 0.8005", "no error, returns 0.0505"),
):
    refused("a target of 2", loss, {"input": x, "target": [1, 2]}, "target-range", "--target",
            "1 of 2 values is 2 (index 1), outside 0..1", torch=two,
            mended={"target": [1, 1]})  # fmt: skip
    refused("a target of +1 and -1", loss, {"input": x, "target": [1, -1]}, "target-range",
            "--target", "1 of 2 values is -1 (index 1), outside 0..1", torch=minus,
            fix="--target-map '{-1: 0}'")  # fmt: skip
    for target in (tensor([1, 0]), tensor([True, False]), tensor([1.0, 0.0]).double()):
        kind = str(target.dtype).removeprefix("torch.")
        informed(f"a target of {kind}", loss, {"input": x, "target": target}, "dtype-target",
                 "--target", f"{kind} was cast to float32",
                 value={"bce": 1.1513, "bce_with_logits": 0.3005}[loss])  # fmt: skip
    silent("a target that was typed", loss, {"input": x, "target": [1, 0]},
           value={"bce": 1.1513, "bce_with_logits": 0.3005}[loss])  # fmt: skip
refused("(3, 1) against (3)", ("bce", "bce_with_logits"),
        {"input": [[0.2], [0.5], [0.3]], "target": [1, 0, 1]}, "shape-broadcast", "--target",
        ("(3) against (3, 1) of --input", "(3, 3)"), torch="ValueError: ",
        mended={"target": [[1], [0], [1]]})  # fmt: skip
warned("p = 0 for y = 1", "bce", {"input": [0.0, 0.5], "target": [1, 0]}, "saturated", "--input",
       "1 of 2 values is 0 (index 0), wrong with certainty", torch="holds each logarithm at -100",
       value=50.3466,  # (100 + ln 2) / 2
       fix="--name bce_with_logits", mended={"input": [-120.0, 0.0]},
       after=60.3466)  # (120 + ln 2) / 2  # fmt: skip
refused("a rounding above 1", "bce", {"input": [0.2, 0.9, 1.0000001], "target": [0, 1, 1]},
        "prob-range", "--input", "1 of 3 values is 1.0000001 (index 2), outside 0..1 by rounding",
        torch=BETWEEN, fix="--clamp", after=0.1095)  # -(ln 0.8 + ln 0.9) / 3  # fmt: skip
refused("a target rounded below 0", ("bce", "bce_with_logits"),
        {"input": [0.5, 0.5], "target": [-1e-8, 1]}, "target-range", "--target",
        "1 of 2 values is -1e-08 (index 0), outside 0..1", fix="--clamp")  # fmt: skip
refused("class ids", "bce", {"input": [[0.1, 0.9], [0.7, 0.3]], "target": [1, 0]},
        "shape-broadcast", "--target", "(2) against (2, 2)", torch="ValueError: ",
        fix="--name cross_entropy --from probs",
        after=0.2310)  # -(ln 0.9 + ln 0.7) / 2  # fmt: skip
refused("class ids", "bce_with_logits",
        {"input": [[0.5, -1.0, 2.0], [1.0, 2.0, -3.0]], "target": [0, 1]},
        "shape-mismatch", "--target", "(2) against (2, 3)", torch="ValueError: ",
        fix="--name cross_entropy", after=1.0297)  # (2.2413 - 0.5 + 2.3182 - 2) / 2  # fmt: skip
refused("a mask without its channel", "bce_with_logits",
        {"input": torch.arange(32.0).reshape(2, 1, 4, 4).cos(), "target": HALF},
        "shape-broadcast", "--target", "--allow-broadcast computes all of them",
        torch="ValueError: ", mended={"target": HALF.unsqueeze(1)},
        after=float(torch.nn.BCEWithLogitsLoss()(
            torch.arange(32.0).reshape(2, 1, 4, 4).cos(), HALF.unsqueeze(1))))  # fmt: skip
refused("a number too many", ("mse", "bce_with_logits"),
        {"input": [0.75, 0.25], "target": [0.25, 1.0, 0.5]}, "shape-mismatch", "--target",
        "(3) against (2) of --input", mended={"target": [0.25, 1.0]})  # fmt: skip
refused("a mask of 0 and 255", "bce_with_logits", {"input": [2.0, -1.0], "target": [255, 0]},
        "target-range", "--target", "1 of 2 values is 255",
        fix="--target-map '{255: 1}'",
        after=0.2201)  # (softplus(-2) + softplus(-1)) / 2  # fmt: skip
refused("labels of 1 and 2 for yes or no", "bce_with_logits",
        {"input": [2.0, -1.0], "target": [2, 1]}, "target-range", "--target", "1 of 2 values is 2",
        fix="--target-map '{1: 0, 2: 1}'", after=0.2201)  # fmt: skip
warned("probabilities", "bce_with_logits", {"input": [1.0, 0.0], "target": [1, 0]},
       "double-sigmoid", "--input", ("[0.3133, 0.6931]", "[0.6931, 1.3133]"),
       fix="--name bce", after=0, value=0.5032)  # (softplus(-1) + softplus(0)) / 2  # fmt: skip
warned("probabilities inside of (0, 1)", "bce_with_logits",
       {"input": [0.9, 0.2], "target": [1, 0]}, "double-sigmoid", "--input", "in 0..1",
       fix="--from probs", after=0.1643)  # -(ln 0.9 + ln 0.8) / 2  # fmt: skip
IMAGES = torch.arange(72.0).reshape(2, 3, 4, 3).cos()
HARD = (IMAGES.roll(1, 0) > 0).float()
for weights, kind in (([1.0, 2.0, 5.0], "warning"), ([1.0, 2.0, 5.0, 9.0], "error")):
    turned = tensor(weights).reshape(-1, 1, 1) if len(weights) == 3 else tensor(weights)[:, None]
    row(kind, f"{len(weights)} pos_weights for images", "bce_with_logits",
        {"input": IMAGES, "target": HARD},
        "weight-dimension" if kind == "warning" else "option-range", "--pos-weight",
        f"({len(weights)})", options={"pos_weight": weights},
        fix=f"--class-dim {1 if len(weights) == 3 else 2}",
        after=float(torch.nn.BCEWithLogitsLoss(pos_weight=turned)(IMAGES, HARD)))  # fmt: skip
refused("pos_weight of a class too many", "bce_with_logits",
        {"input": [2.0, -0.5], "target": [1, 0]}, "option-range", "--pos-weight",
        "has shape (3) for an input (2)", torch="RuntimeError: The size of tensor a (3) must",
        options={"pos_weight": [1, 2, 3]}, mended={"pos_weight": [1, 2]})  # fmt: skip
refused("a negative pos_weight", "bce_with_logits", {"input": [1.0, 0.0], "target": [1, 0]},
        "option-range", "--pos-weight",
        "2 of 2 values are negative or not finite (first: -1 at index 0)",
        torch="no error, returns 0.1899",  # (ln 2 - softplus(-1)) / 2
        options={"pos_weight": [-1, -2]}, mended={"pos_weight": [1, 2]})  # fmt: skip
refused("a logit of +inf", "bce_with_logits", {"input": [INF, 0.0], "target": [1, 0]},
        "non-finite", "--input", "1 of 2 values is inf (index 0)", torch="no error, returns nan",
        mended={"input": [1000.0, 0.0]}, after=0.3466)  # fmt: skip

# l1, mse, smooth_l1, huber -----------------------------------------------------------------------

STRETCHED = {"l1": "0.8889", "mse": "1.33333", "smooth_l1": "0.5556", "huber": "0.5556"}
for loss in EACH:
    # of |i - j| over 1..3: four are 1, two are 2
    refused("(3, 1) against (3)", loss, {"input": [[1.0], [2.0], [3.0]], "target": [1.0, 2, 3]},
            "shape-broadcast", "--target",
            "(3) against (3, 1) of --input would broadcast to 9 values of shape (3, 3)",
            torch=f"UserWarning, then returns {STRETCHED[loss]}",
            mended={"target": [[1.0], [2.0], [3.0]]}, after=0)  # fmt: skip
    silent("integers that were typed", loss, {"input": [1, 2], "target": [1, 4]},
           value={"l1": 1, "mse": 2}.get(loss, 0.75))  # fmt: skip
    informed("two tensors of int64", loss, {"input": tensor([1, 2]), "target": tensor([1, 4])},
             "dtype-input", "--input", "int64 was cast to float32",
             value={"l1": 1, "mse": 2}.get(loss, 0.75))  # fmt: skip
    refused("nan in the target", loss, {"input": [1.0, 2.0], "target": [NAN, 2.0]},
            "non-finite", "--target", "1 of 2 values is nan (index 0)",
            torch="no error, returns nan", mended={"target": [1.0, 2.0]}, after=0)  # fmt: skip
    refused("inf - inf", loss, {"input": [INF, 2.0], "target": [INF, 2.0]},
            "non-finite", "--input", "1 of 2 values is inf (index 0)",
            torch="no error, returns nan", mended={"input": [1, 2], "target": [1, 2]},
            after=0)  # fmt: skip
    refused("no values", loss, {"input": [], "target": []}, "empty-mean", "--input",
            "(0) holds no values", torch="no error, returns nan", fix="--reduction sum",
            after=0)  # fmt: skip
warned("600 in half precision", "mse", {"input": tensor([600.0]).half(), "target": [0.0]},
       "overflow", "value", ("torch gives inf in float16", "360000"), fix="--dtype float64",
       value=INF, after=360000)  # fmt: skip
refused("beta below 0", "smooth_l1", {"input": [1.0], "target": [3.0]}, "option-range",
        "--beta", "needs a number of at least 0, got -1", options={"beta": -1},
        fix="give --beta a number from 0", mended={"beta": 1}, after=1.5)  # fmt: skip
for delta, needs in ((0, "above 0, got 0"), (-1, "above 0, got -1"), ("x", "finite number, got x")):
    refused(f"delta of {delta}", "huber", {"input": [1.0], "target": [3.0]}, "option-range",
            "--delta", needs, options={"delta": delta},
            fix="give --delta a number above 0", mended={"delta": 1}, after=1.5)  # fmt: skip
silent("a delta of text", "huber", {"input": [1.0], "target": [3.0]}, options={"delta": "1"},
       value=1.5)  # fmt: skip

# poisson_nll, gaussian_nll -----------------------------------------------------------------------

LOG_RATES = {"log_input": [0.5, 1.0]}
refused("a negative count", "poisson_nll", {**LOG_RATES, "target": [-1, 2]}, "count-target",
        "--target", "1 of 2 values is -1 (index 0), negative",
        torch="no error, returns 1.4335",  # (e^0.5 + 0.5 + e - 2) / 2
        fix="--allow count-target", after=1.4335)  # fmt: skip
warned("a count of 1.5", "poisson_nll", {**LOG_RATES, "target": [1.5, 2]}, "count-target",
       "--target", "1 of 2 values is 1.5 (index 0), no whole number",
       value=0.8085)  # (e^0.5 - 0.75 + e - 2) / 2  # fmt: skip
refused("a negative rate", "poisson_nll", {"log_input": [-1.0, 2.0], "target": [1, 2]}, "rate",
        "--log-input", "1 of 2 values is -1 (index 0), negative", torch="no error, returns nan",
        options={"log_input": False}, fix="--log-input",
        after=2.3785)  # (e^-1 + 1 + e^2 - 4) / 2  # fmt: skip
warned("a rate of 0", "poisson_nll", {"log_input": [0.0], "target": [3]}, "rate", "--log-input",
       "1 of 1 value is 0 (index 0), a rate of 0", options={"log_input": False},
       value=55.2620)  # -3 ln 1e-8  # fmt: skip
warned("a rate for its logarithm", "poisson_nll", {"log_input": [100.0], "target": [100]}, "rate",
       "--log-input", ("1 of 1 value is 100 (index 0)", "is this a rate"), value=INF,
       fix="--no-log-input", after=-360.517)  # 100 - 100 ln 100  # fmt: skip
warned("a rate among logarithms", "poisson_nll", {"log_input": [50.0, -1.0], "target": [50, 0]},
       "rate", "--log-input", "1 of 2 values is 50 (index 0)",
       mended={"log_input": [3.9120, -1.0]},
       after=-72.6165)  # (50 - 50 ln 50 + e^-1) / 2  # fmt: skip
warned("rates for their logarithms", "poisson_nll",
       {"log_input": [2.0, 3.0], "target": [2, 3]}, "rate", "--log-input",
       ("read as log-rates the loss is 7.2373", "as rates 0.1589"),
       value=7.2373,  # (e^2 - 4 + e^3 - 9) / 2
       fix="--no-log-input", after=0.1589)  # (2 - 2 ln 2 + 3 - 3 ln 3) / 2  # fmt: skip
refused("(2, 1) against (2)", "poisson_nll", {"log_input": [[0.5], [1.0]], "target": [1, 2]},
        "shape-broadcast", "--target", "(2) against (2, 1) of --log-input would broadcast to 4",
        torch="no error, returns 1.0585",  # (2 e^0.5 + 2 e - 3 * 1.5) / 4
        mended={"target": [[1], [2]]})  # fmt: skip
informed("full", "poisson_nll", {"log_input": [2.0], "target": [2]}, "precision", "value",
         "Stirling", options={"full": True, "log_input": False},
         value=1.265512)  # 2 - 2 ln 2 + Stirling's; exactly 1.306853  # fmt: skip

NORMAL = {"input": [0.5, 1.0], "target": [0.0, 1.0]}
refused("a negative variance", "gaussian_nll", {**NORMAL, "var": [-1.0, 1.0]}, "variance", "--var",
        "1 of 2 values is -1 (index 0), negative",
        torch="ValueError: var has negative entry/entries", mended={"var": [1.0, 1.0]},
        after=0.0625)  # 0.25 / 2 / 2  # fmt: skip
refused("a variance too many", "gaussian_nll", {**NORMAL, "var": [1.0, 1.0, 1.0]},
        "shape-mismatch", "--var", "(3) against (2) of --input",
        torch="ValueError: var is of incorrect size", fix="--var 1.0", after=0.0625)  # fmt: skip
silent("a variance typed as an integer", "gaussian_nll", {**NORMAL, "var": 1}, value=0.0625)
informed("variances of int64", "gaussian_nll", {**NORMAL, "var": tensor([1, 1])}, "dtype-input",
         "--var", "int64 was cast to float32", value=0.0625)  # fmt: skip
refused("(2, 1) against (2)", "gaussian_nll",
        {"input": [[0.5], [1.0]], "target": [0.0, 1.0], "var": [[1.0], [1.0]]}, "shape-broadcast",
        "--target", "(2) against (2, 1) of --input would broadcast to 4",
        torch="no error, returns 0.1875",  # (0.25 + 0.25 + 1 + 0) / 4 / 2
        mended={"target": [[0.0], [1.0]]}, after=0.0625)  # fmt: skip
warned("a variance of 0", "gaussian_nll", {"input": [1.0], "target": [0.0], "var": [0.0]},
       "saturated", "--var", "1 of 1 value is 0 (index 0), below eps = 1e-06",
       value=499993.1,  # (1e6 + ln 1e-6) / 2
       mended={"var": [0.25]}, after=1.3069)  # (4 + ln 0.25) / 2  # fmt: skip
warned("a variance below eps", "gaussian_nll", {"input": [1e-4], "target": [0.0], "var": [3e-8]},
       "saturated", "--var", "1 of 1 value is 3e-08 (index 0), below eps = 1e-06",
       value=-6.9028,  # (1e-8 / 1e-6 + ln 1e-6) / 2
       fix="--eps 1e-8", after=-8.4944)  # (1e-8 / 3e-8 + ln 3e-8) / 2  # fmt: skip
refused("a variance of nan", "gaussian_nll", {**NORMAL, "var": [NAN, 1.0]}, "non-finite", "--var",
        "1 of 2 values is nan (index 0)", torch="no error, returns nan",
        mended={"var": [1.0, 1.0]}, after=0.0625)  # fmt: skip
informed("a variance that may be a deviation", "gaussian_nll", {**NORMAL, "var": [4.0, 4.0]},
         "variance", "--var", "sigma is 2", value=0.7088)  # ln(4) / 2 + 0.25 / 16  # fmt: skip

# kl_div ------------------------------------------------------------------------------------------

P = [[0.5, 0.5], [0.9, 0.1]]
Q = [[0.25, 0.75], [0.5, 0.5]]
LOG_Q = tensor(Q).log().tolist()
BATCHMEAN = 0.2560  # (0.1438 + 0.3681) / 2: KL(P||Q) of the rows
refused("probabilities", "kl_div", {"input": Q, "target": P}, "not-log-prob", "--input",
        "row 0 sums to 3.40", torch="no error, returns -1.0091",  # -(H(P) + sum p q) / 2
        reduction="batchmean", fix="--from probs", after=BATCHMEAN)  # fmt: skip
refused("logits", "kl_div", {"input": [[1.0, 2.0], [1.0, 1.0]], "target": P}, "not-log-prob",
        "--input", "row 0 sums to 10.1073",
        torch="no error, returns -1.7591",  # -(1.5 + ln 2 + 1 + H(0.9, 0.1)) / 2
        reduction="batchmean", fix="--from logits")  # fmt: skip
refused("a target of logarithms", "kl_div", {"input": LOG_Q, "target": tensor(P).log().tolist()},
        "prob-range", "--target", "4 of 4 values are negative (first: -0.6931 at index [0, 0])",
        torch="no error, returns nan", reduction="batchmean", fix="--log-target",
        after=BATCHMEAN)  # fmt: skip
refused("input and target swapped", "kl_div", {"input": P, "target": LOG_Q}, "prob-range",
        "--target", "4 of 4 values are negative", torch="no error, returns nan",
        reduction="batchmean", fix="swap --input and --target", after=BATCHMEAN)  # fmt: skip
refused(
    "a target that is not normalised",
    "kl_div",
    {"input": LOG_Q, "target": [[2, 3], [9, 1]]},
    "not-normalised",
    "--target",
    ("2 of 2", "row 0 sums to 5 (expected 1)"),
    torch="no error, returns 17.51",  # sum of t ln t - t x, by 2
    reduction="batchmean",
    fix="--normalise",
    after=(0.0541 + 0.3681) / 2,
)  # of (0.4, 0.6), (0.9, 0.1)
refused("probabilities with log_target", "kl_div", {"input": LOG_Q, "target": P}, "not-log-prob",
        "--target", "sums to 3.297", torch="no error, returns ", options={"log_target": True},
        reduction="batchmean", fix="--no-log-target", after=BATCHMEAN)  # fmt: skip
refused(
    "a target of scores",
    "kl_div",
    {"input": tensor([[2.5, 0.8, 0.3]]).log_softmax(1).tolist(), "target": [[3, 1, 0.5]]},
    "not-normalised",
    "--target",
    "it looks like logits",
    torch="no error, returns ",
    reduction="batchmean",
    fix="--target-from logits",
    after=0.0070,
)  # by plain torch
refused(
    "a target of scores, one negative",
    "kl_div",
    {"input": tensor([[2.5, 0.8, 0.3]]).log_softmax(1).tolist(), "target": [[3, 1, -0.5]]},
    "prob-range",
    "--target",
    "1 of 3 values is -0.5",
    torch="no error, returns nan",
    reduction="batchmean",
    fix="--target-from logits",
    after=0.0356,
)  # by plain torch
refused(
    "a row of zeros",
    "kl_div",
    {"input": LOG_Q, "target": [[0, 0], [9, 1]]},
    "not-normalised",
    "--target",
    "row 0 is all 0, and cannot be normalised",
    torch="no error, returns ",
    reduction="batchmean",
    mended={"input": LOG_Q[1:], "target": P[1:]},
    after=0.3681,
)
for reduction in ("mean", "batchmean"):
    row("info" if reduction == "mean" else "warning", "a single distribution", "kl_div",
        {"input": tensor([0.5, 0.3, 0.2]).log().tolist(), "target": [0.9, 0.05, 0.05]},
        "mean-is-no-kl", "--reduction", "a single distribution of 3 classes is no batch",
        reduction=reduction, value=0.1234, fix="--reduction sum",
        after=0.3701)  # 0.9 ln(9 / 5) + 0.05 ln(1 / 6) + 0.05 ln(1 / 4)  # fmt: skip
informed("rows of distributions", "kl_div", {"input": LOG_Q, "target": P}, "mean-is-no-kl",
         "--reduction", "mean divides by batch and classes, 2 x 2", value=BATCHMEAN / 2,
         fix="--reduction batchmean", after=BATCHMEAN)  # fmt: skip
refused("probabilities that do not sum to 1", "kl_div", {"input": [[0.5, 0.6]], "target": [P[0]]},
        "not-log-prob", "--input", "row 0 sums to 3.4", reduction="batchmean",
        mended={"input": tensor([[0.5, 0.5]]).log().tolist()}, fix="--from logits")  # fmt: skip
refused("a negative target", "kl_div", {"input": LOG_Q, "target": [[1.5, -0.5], [0.9, 0.1]]},
        "prob-range", "--target", "1 of 4 values is -0.5 (index [0, 1]), negative",
        torch="UserWarning, then returns nan", fix="--target-from logits")  # fmt: skip
warned("P = Q = [1, 0] by logarithms", "kl_div", {"input": [[0.0, -INF]], "target": [[0.0, -INF]]},
       "saturated", "--target", "0 log 0 counts as 0", options={"log_target": True},
       reduction="batchmean", value=NAN)  # fmt: skip
informed("the mean of kl_div", "kl_div", {"input": LOG_Q, "target": P}, "mean-is-no-kl",
         "--reduction", "the divergence is batchmean", fix="--reduction batchmean",
         value=BATCHMEAN / 2, after=BATCHMEAN)  # fmt: skip

# margin_ranking, hinge_embedding -----------------------------------------------------------------

PAIR = {"input1": [1.0, 2.0], "input2": [0.0, 3.0]}
refused("targets of 0 and 1", "margin_ranking", {**PAIR, "target": [1, 0]}, "target-sign",
        "--target", "1 of 2 values is 0 (index 1), neither +1 nor -1",
        torch="no error, returns 0.25",  # (max(0, -1 + 0.5) + 0.5) / 2
        options={"margin": 0.5}, fix="--target-map '{0: -1}'", after=0)  # fmt: skip
refused("a shape of (1, 3)", "margin_ranking",
        {"input1": [[1.0], [2.0], [3.0]], "input2": [[1.0], [2.0], [3.0]], "target": [[1, 1, -1]]},
        "shape-broadcast", "--target", "(1, 3) against (3, 1) of --input1 would broadcast to 9",
        torch="no error, returns 0", mended={"target": [[1], [1], [-1]]}, after=0)  # fmt: skip
refused("another number of dimensions", "margin_ranking", {**PAIR, "target": 1}, "shape-broadcast",
        "--target", "() against (2)",
        torch="RuntimeError: margin_ranking_loss : All input tensors should have same dimension",
        mended={"target": [1, 1]}, after=0.5)  # (0 + 1) / 2  # fmt: skip
warned("a negative margin", "margin_ranking", {**PAIR, "target": [1, 1]}, "option-range",
       "--margin", "-2 is negative", options={"margin": -2}, fix="--margin 0",
       value=0, after=0.5)  # fmt: skip
refused("nan", "margin_ranking", {"input1": [1.0, 2.0], "input2": [NAN, 3.0], "target": [1, 1]},
        "non-finite", "--input2", "1 of 2 values is nan (index 0)",
        torch="no error, returns nan", mended={"input2": [0.0, 3.0]}, after=0.5)  # fmt: skip

refused("a target of 0", "hinge_embedding", {"input": [0.3, 1.0], "target": [1, 0]},
        "target-sign", "--target", "1 of 2 values is 0 (index 1)",
        torch="no error, returns 0.65",  # both branches: (0.3 + 1 + 0) / 2
        fix="--target-map '{0: -1}'", after=0.15)  # fmt: skip
refused("a single target of 0", "hinge_embedding", {"input": 0.3, "target": 0},
        "target-sign", "--target", "1 of 1 value is 0",
        torch="no error, returns 1",  # 0.3 + 0.7
        fix="--target-map '{0: -1}'", after=0.7)  # fmt: skip
refused("a target of 2", "hinge_embedding", {"input": [0.3, 1.0], "target": [1, 2]},
        "target-sign", "--target", "1 of 2 values is 2 (index 1)", torch="no error, returns 0.65",
        mended={"target": [1, -1]}, after=0.15)  # fmt: skip
refused("a target of truth values", "hinge_embedding",
        {"input": [0.3, 1.0], "target": tensor([True, False])}, "target-sign", "--target",
        "1 of 2 values is 0 (index 1)", torch="no error, returns 0.65",
        fix="--target-map '{0: -1}'", after=0.15)  # fmt: skip
refused("negative distances", "hinge_embedding", {"input": [-1.0, -1.0], "target": [1, 1]},
        "negative-distance", "--input", "2 of 2 values are negative (first: -1 at index 0)",
        torch="no error, returns -1", mended={"input": [1.0, 1.0]}, after=1)  # fmt: skip
refused("(2, 1) against (2)", "hinge_embedding", {"input": [[0.3], [1.0]], "target": [1, -1]},
        "shape-broadcast", "--target", "(2) against (2, 1) of --input would broadcast to 4",
        torch="no error, returns 0.5",  # (0.3 + 0.7 + 1 + 0) / 4
        mended={"target": [[1], [-1]]}, after=0.15)  # fmt: skip

# multilabel_margin, soft_margin, multilabel_soft_margin ------------------------------------------

SCORES = [[0.1, 0.2, 0.4, 0.8]]
RIGHT = 0.85  # of labels 3 and 0: 0.25 (0.4 + 0.6 + 1.1 + 1.3), PyTorch's own example
LOWER = {"target": [[3, 0, -1, -1]]}
informed("labels without padding", "multilabel_margin", {"input": SCORES, "target": [[3, 0]]},
         "padding", "--target", "padded with -1 to 4 entries", value=RIGHT)  # fmt: skip
refused("a number for each class", "multilabel_margin", {"input": SCORES, "target": [[1, 0, 0, 1]]},
        "target-onehot", "--target", "row 0 is [1,0,0,1]", torch="no error, returns 2.9",
        fix="give [0,3,-1,-1] for it", after=RIGHT)  # fmt: skip
refused("zeros as padding", "multilabel_margin", {"input": SCORES, "target": [[3, 2, 0, 0]]},
        "padding", "--target", "row 0 is [3,2,0,0]", torch="no error, returns 0.85",
        fix="give [3,2,-1,-1] for it",
        after=0.55)  # (0.3 + 0.4 + 0.7 + 0.8) / 4  # fmt: skip
refused("a label twice", "multilabel_margin", {"input": SCORES, "target": [[3, 3, -1, -1]]},
        "duplicate-label", "--target", ("row 0 is [3,3,-1,-1]", "class 3 is listed 2 times"),
        torch="no error, returns 0.65",  # 2 (0.3 + 0.4 + 0.6) / 4
        mended={"target": [[3, -1, -1, -1]]}, after=0.325)  # fmt: skip
refused("a class twice, and a 0", "multilabel_margin", {"input": SCORES, "target": [[3, 0, 0, 0]]},
        "padding", "--target", "row 0 is [3,0,0,0]", torch="no error, returns 2.05",
        fix="give [3,-1,-1,-1] for it", after=0.325)  # fmt: skip
warned("a label after -1", "multilabel_margin", {"input": SCORES, "target": [[3, -1, 0, 1]]},
       "padding", "--target", "[0,1] after the first -1 is not read", value=0.325,
       fix="give [3,0,1,-1] for it", after=0.775)  # by hand: 3, 0, 1 against 2  # fmt: skip
for label in (4, -2):
    refused(f"class {label}", "multilabel_margin",
            {"input": SCORES, "target": [[label, 0, -1, -1]]},
            "target-range", "--target", (f"1 of 4 values is {label} (index [0, 0])", "0..3"),
            torch="RuntimeError: ", mended=LOWER, after=RIGHT)  # fmt: skip
for target in (torch.tensor([[3.0, 0, -1, -1]]), torch.tensor([[3, 0, -1, -1]]).int()):
    kind = str(target.dtype).removeprefix("torch.")
    informed(f"labels of {kind}", "multilabel_margin", {"input": SCORES, "target": target},
             "dtype-target", "--target", f"{kind} was cast to int64", value=RIGHT)  # fmt: skip
refused("labels that are no whole numbers", "multilabel_margin",
        {"input": SCORES, "target": [[0.5, 0, -1, -1]]}, "dtype-target", "--target",
        "1 of 4 values is 0.5 (index [0, 0])", torch="RuntimeError: ", mended=LOWER,
        after=RIGHT)  # fmt: skip
refused("nan", "multilabel_margin",
        {"input": [[NAN, 0.2, 0.4, 0.8]], "target": [[3, -1, -1, -1]]}, "non-finite", "--input",
        "1 of 4 values is nan (index [0, 0])",
        torch="no error, returns 0.25",  # (0.4 + 0.6) / 4: the nan is swallowed
        mended={"input": SCORES}, after=0.325)  # fmt: skip

refused("targets of 0 and 1", "soft_margin", {"input": [0.7, -0.7], "target": [0, 0]},
        "target-sign", "--target", "2 of 2 values are neither +1 nor -1 (first: 0 at index 0)",
        torch="no error, returns 0.6931",  # ln 2, whatever the input
        fix="--target-map '{0: -1}'",
        after=0.7532)  # (softplus(0.7) + softplus(-0.7)) / 2  # fmt: skip
refused("a target of 3", "soft_margin", {"input": [0.7], "target": [3]}, "target-sign", "--target",
        "1 of 1 value is 3 (index 0)", torch="no error, returns 0.1155",  # softplus(-2.1)
        mended={"target": [1]}, after=0.4032)  # softplus(-0.7)  # fmt: skip
warned("t x of -89", "soft_margin", {"input": [-89.0], "target": [1]}, "overflow", "value",
       ("torch gives inf in float32", "89 in float64"), fix="--dtype float64", value=INF,
       after=89)  # fmt: skip
warned("t x of -710 in float64", "soft_margin",
       {"input": tensor([-710.0]).double(), "target": [1]}, "overflow", "value",
       ("torch gives inf in float64", "710 in float64"), value=INF)  # fmt: skip
refused("(2, 1) against (2)", "soft_margin", {"input": [[0.7], [-0.7]], "target": [1, 1]},
        "shape-broadcast", "--target", "(2) against (2, 1) of --input",
        torch="RuntimeError: output with shape", mended={"target": [[1], [1]]})  # fmt: skip
refused("nan", "soft_margin", {"input": [NAN], "target": [1]}, "non-finite", "--input",
        "1 of 1 value is nan (index 0)", torch="no error, returns nan",
        mended={"input": [0.7]}, after=0.4032)  # fmt: skip

MANY = [[0.5, -1.0, 2.0]]
refused("targets of +1 and -1", "multilabel_soft_margin", {"input": MANY, "target": [[1, -1, 1]]},
        "target-range", "--target", "1 of 3 values is -1 (index [0, 1]), outside 0..1",
        torch="no error, returns -0.02858",  # (0.4741 + 2 softplus(-1) - softplus(1) + 0.1269) / 3
        fix="--target-map '{-1: 0}'",
        after=0.3048)  # (softplus(-0.5) + softplus(-1) + softplus(-2)) / 3  # fmt: skip
refused("class ids", "multilabel_soft_margin", {"input": MANY, "target": [[2, 0, 1]]},
        "target-range", "--target", "1 of 3 values is 2 (index [0, 0]), outside 0..1",
        torch="no error, returns 0.1", mended={"target": [[1, 0, 1]]}, after=0.3048)  # fmt: skip
for name, target, shape in (("(3)", [1, 0, 1], "(3)"), ("(2, 1)", [[1], [0]], "(2, 1)")):
    refused(f"(2, 3) against {name}", "multilabel_soft_margin",
            {"input": MANY * 2, "target": target}, "shape-broadcast", "--target",
            f"{shape} against (2, 3) of --input would broadcast to 6", torch="no error, returns 0.",
            mended={"target": [[1, 0, 1]] * 2}, after=0.3048)  # fmt: skip
refused("a weight too few", "multilabel_soft_margin", {"input": MANY, "target": [[1, 0, 1]]},
        "option-range", "--weight", "has shape (2); needs one weight for each of 3",
        torch="RuntimeError: ", options={"weight": [1, 2]}, mended={"weight": [1, 1, 1]},
        after=0.3048)  # fmt: skip
informed("a target of truth values", "multilabel_soft_margin",
         {"input": MANY, "target": tensor([[True, False, True]])}, "dtype-target", "--target",
         "bool was cast to float32", value=0.3048)  # fmt: skip
refused("nan", "multilabel_soft_margin", {"input": [[NAN, -1.0, 2.0]], "target": [[1, 0, 1]]},
        "non-finite", "--input", "1 of 3 values is nan (index [0, 0])",
        torch="no error, returns nan", mended={"input": MANY}, after=0.3048)  # fmt: skip

# multi_margin ------------------------------------------------------------------------------------

for label, suggested in ((3, "--target-map '{1: 0, 2: 1, 3: 2}'"), (-1, "give labels of 0..2")):
    refused(f"class {label}", "multi_margin", {"input": MANY, "target": [label]}, "target-range",
            "--target", f"1 of 1 value is {label} (index 0), no class; C = 3, valid are 0..2",
            torch="RuntimeError: ", fix=suggested,
            mended={"target": [2]} if label < 0 else {}, after=0)  # fmt: skip
for target in (tensor([0.0]), tensor([0]).int()):
    kind = str(target.dtype).removeprefix("torch.")
    informed(f"class ids of {kind}", "multi_margin", {"input": MANY, "target": target},
             "dtype-target", "--target", f"{kind} was cast to int64",
             value=2.5 / 3)  # max(0, 1 - 0.5 + 2) and max(0, 1 - 0.5 - 1) / 3  # fmt: skip
silent("a class id typed as an integer", "multi_margin", {"input": MANY, "target": [0]},
       value=2.5 / 3)  # fmt: skip
refused("one-hot rows", "multi_margin", {"input": MANY, "target": [[0, 0, 1]]}, "target-onehot",
        "--target", "(1, 3), one number for each class; needs class ids (1)", torch="RuntimeError",
        fix="give --target as its argmax: '[2]'", after=0)  # fmt: skip
refused("nan", "multi_margin", {"input": [[0.0, 0.0, NAN], [0.0, 0.0, NAN]], "target": [0, 2]},
        "non-finite", "--input", "2 of 6 values are not finite (first: nan at index [0, 2])",
        torch="no error, returns 0.3333, 0 of shape (2,)",  # swallowed: 1 / 3 and nothing
        reduction="none", mended={"input": [[0.0, 0, 0], [0, 0, 0]]})  # fmt: skip
refused("a single class", "multi_margin", {"input": [[1.0], [2.0]], "target": [0, 0]},
        "degenerate-shape", "--input", "has 1 class, (2, 1)", torch="no error, returns 0",
        mended={"input": [[1.0, 0.0], [2.0, 0.0]]}, after=0)  # fmt: skip
refused("p of 3", "multi_margin", {"input": MANY, "target": [2]}, "option-range", "--p",
        "needs a number of at most 2, got 3", options={"p": 3},
        fix="give --p a number from 1 to 2", mended={"p": 1}, after=0)  # fmt: skip
refused("a weight too few", "multi_margin", {"input": MANY, "target": [2]}, "option-range",
        "--weight", "has shape (2); needs one weight for each of 3", torch="RuntimeError: ",
        options={"weight": [1, 2]}, mended={"weight": [1, 1, 1]}, after=0)  # fmt: skip

# triplets, cosine_embedding ----------------------------------------------------------------------

TRIPLET = {
    "anchor": [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]],
    "positive": [[0.0, 0.0, 1.0], [1.0, 1.0, 2.0]],
    "negative": [[0.0, 2.0, 0.0], [1.0, 3.0, 1.0]],
}
for margin in (0, -1):
    refused(f"a margin of {margin}", TRIPLETS, TRIPLET, "option-range", "--margin",
            f"needs a number above 0, got {margin}", options={"margin": margin},
            fix="give --margin a number above 0", mended={"margin": 1},
            after=0)  # 1 - 2 + 1  # fmt: skip
refused("one positive for all", TRIPLETS, {**TRIPLET, "positive": [[0.0, 0.0, 1.0]]},
        "shape-broadcast", "--positive", "(1, 3) against (2, 3) of --anchor",
        torch="no error, returns 0.2071",  # (0 + sqrt(2) - 2 + 1) / 2
        mended={"positive": TRIPLET["positive"]}, after=0)  # fmt: skip
silent("integers that were typed", TRIPLETS,
       {"anchor": [[0, 0]], "positive": [[0, 1]], "negative": [[0, 1]]}, value=1)  # fmt: skip
informed("tensors of integers", TRIPLETS,
         {"anchor": tensor([[0, 0]]), "positive": tensor([[0, 1]]), "negative": tensor([[0, 1]])},
         "dtype-input", "--anchor", "int64 was cast to float32", value=1)  # fmt: skip
for p in (0, -1):
    refused(f"p of {p}", "triplet_margin", TRIPLET, "option-range", "--p",
            f"needs a number above 0, got {p}", options={"p": p},
            mended={"p": 2}, after=0)  # fmt: skip
silent("all embeddings the same", TRIPLETS, {name: [[1.0, 2.0]] for name in TRIPLET}, value=1)
refused("another number of dimensions", TRIPLETS, {**TRIPLET, "negative": [0.0, 2.0, 0.0]},
        "shape-broadcast", "--negative", "(3) against (2, 3) of --anchor", torch="RuntimeError: ",
        mended={"negative": TRIPLET["negative"]}, after=0)  # fmt: skip
refused("another number of features", TRIPLETS, {**TRIPLET, "negative": [[0.0, 2.0]] * 2},
        "shape-mismatch", "--negative", "(2, 2) against (2, 3) of --anchor", torch="RuntimeError: ",
        mended={"negative": TRIPLET["negative"]}, after=0)  # fmt: skip
refused("nan", TRIPLETS, {**TRIPLET, "anchor": [[0.0, NAN, 0.0], [1.0, 1.0, 1.0]]}, "non-finite",
        "--anchor", "1 of 6 values is nan (index [0, 1])", torch="no error, returns nan",
        mended={"anchor": TRIPLET["anchor"]}, after=0)  # fmt: skip

VECTORS = {"input1": [[1.0, 0.0], [0.0, 1.0]], "input2": [[1.0, 0.0], [1.0, 0.0]]}
for sign in (0, 0.5):
    refused(f"a target of {sign}", "cosine_embedding", {**VECTORS, "target": [1, sign]},
            "target-sign", "--target", f"1 of 2 values is {sign} (index 1)",
            torch="no error, returns 0",
            **({"mended": {"target": [1, -1]}} if sign else {"fix": "--target-map '{0: -1}'"}),
            after=0)  # fmt: skip
warned("a zero vector", "cosine_embedding", {**VECTORS, "input2": [[0.0, 0.0], [1.0, 0.0]],
                                             "target": [1, -1]},
       "zero-vector", "--input2", "1 of 2 lengths is 0 (index 0), of length 0",
       value=0.5)  # fmt: skip
warned("parallel vectors of 1e-6", "cosine_embedding",
       {"input1": [[1e-6, 2e-6]], "input2": [[2e-6, 4e-6]], "target": [1]}, "zero-vector",
       "--input1", "1 of 1 length is", value=0.1091)  # 1 - 10 / sqrt(6 * 21)  # fmt: skip
refused("a margin of 2", "cosine_embedding", {**VECTORS, "target": [1, -1]}, "option-range",
        "--margin", "needs a number of at most 1, got 2", options={"margin": 2},
        fix="give --margin a number from -1 to 1", mended={"margin": 0}, after=0)  # fmt: skip
refused("a vector for two", "cosine_embedding", {**VECTORS, "input2": [[1.0, 0.0]],
                                                 "target": [1, -1]},
        "shape-broadcast", "--input2", "(1, 2) against (2, 2) of --input1",
        torch="no error, returns 0", mended={"input2": VECTORS["input2"]}, after=0)  # fmt: skip
refused("a sign for two", "cosine_embedding", {**VECTORS, "target": [1]}, "shape-broadcast",
        "--target", "(1) for vectors (2, 2); needs (2)",
        torch="no error, returns 0.5",  # (0 + 1) / 2
        mended={"target": [1, -1]}, after=0)  # fmt: skip
refused("signs of (1, 2)", "cosine_embedding", {**VECTORS, "target": [[1, -1]]}, "shape-mismatch",
        "--target", "(1, 2) for vectors (2, 2); needs (2)",
        torch="RuntimeError: 0D or 1D target tensor expected, multi-target not supported",
        mended={"target": [1, -1]}, after=0)  # fmt: skip

# ctc ---------------------------------------------------------------------------------------------

EVEN = torch.zeros(4, 2, 3).log_softmax(-1).tolist()  # 4 frames, 2 samples, 3 classes
SPEECH = {
    "log_probs": EVEN,
    "targets": [[1, 2], [2, 2]],
    "input_lengths": [4, 4],
    "target_lengths": [2, 2],
}
CTC_BLIND = "reads outside of its memory"


def ctc(**changed):
    return {**SPEECH, **changed}


for label in (3, -1, 1000, -(2**40)):
    refused(f"label {label}", "ctc", ctc(targets=[[1, 2], [2, label]]), "ctc-label", "--targets",
            (f"sample 1: 1 of 2 labels is {label} (index 1), no class", "C = 3, valid are 0..2"),
            torch=CTC_BLIND, mended={"targets": [[1, 2], [2, 2]]})  # fmt: skip
refused("a label that is the blank", "ctc", ctc(targets=[[1, 2], [0, 2]]), "ctc-label", "--targets",
        "sample 1: 1 of 2 labels is 0 (index 0), the blank",
        mended={"targets": [[1, 2], [1, 2]]})  # fmt: skip
refused("too few frames for a repeat", "ctc", ctc(input_lengths=[2, 2]), "ctc-too-short",
        "--input-lengths", "sample 1: input_length 2 < 3 needed (2 labels + 1 between repeats)",
        torch="no error, returns inf", fix="longer input, or --zero-infinity",
        mended={"input_lengths": [2, 3]})  # fmt: skip
warned("too few frames, counted as 0", "ctc", ctc(input_lengths=[2, 2]), "ctc-too-short",
       "--input-lengths", "sample 1: input_length 2 < 3 needed", options={"zero_infinity": True},
       value=math.log(9) / 4)  # a path of probability 1/9, by 2 labels and 2 samples  # fmt: skip
refused("logits", "ctc", ctc(log_probs=torch.full((4, 2, 3), 3.0).tolist()), "not-log-prob",
        "--log-probs", ("8 of 8", "sums to 60.2566 after exp"),  # 3 e^3
        torch="no error, returns -", fix="--from logits")  # fmt: skip
refused("probabilities", "ctc", ctc(log_probs=torch.full((4, 2, 3), 1 / 3).tolist()),
        "not-log-prob", "--log-probs", ("8 of 8", "sums to 4.18684 after exp"),  # 3 e^(1/3)
        torch="no error, returns -", fix="--from probs")  # fmt: skip
refused("an input length beyond the frames", "ctc", ctc(input_lengths=[4, 5]), "ctc-length",
        "--input-lengths", ("1 of 2 lengths is 5 (index 1)", "0..4"),
        mended={"input_lengths": [4, 4]})  # fmt: skip
refused("a negative input length", "ctc", ctc(input_lengths=[-1, 4]), "ctc-length",
        "--input-lengths", "1 of 2 lengths is -1 (index 0)",
        mended={"input_lengths": [4, 4]})  # fmt: skip
for length in (3, -1):
    refused(f"a target length of {length}", "ctc", ctc(target_lengths=[2, length]), "ctc-length",
            "--target-lengths", (f"1 of 2 lengths is {length} (index 1)", "0..2"),
            mended={"target_lengths": [2, 2]})  # fmt: skip
refused("lengths of more labels than there are", "ctc", ctc(targets=[1, 2, 2]), "ctc-length",
        "--target-lengths", "sum to 4, targets has 3",
        mended={"target_lengths": [2, 1]})  # fmt: skip
refused("a blank that is no class", "ctc", SPEECH, "option-range", "--blank",
        "3; C = 3, valid are 0..2", options={"blank": 3}, fix="--blank 0")  # fmt: skip
refused("a blank that is no class, and labels that leave none", "ctc",
        ctc(targets=[[2, 0], [2, 0]]), "option-range", "--blank", "3; C = 3, valid are 0..2",
        options={"blank": 3}, mended={"targets": [[2, 1], [2, 1]], "blank": 0})  # fmt: skip
refused("a blank below 0", "ctc", SPEECH, "option-range", "--blank",
        "needs a number of at least 0, got -1", options={"blank": -1},
        fix="give --blank a number from 0: class id of the blank; C-1 if",
        mended={"blank": 0})  # fmt: skip
for name in ("input_lengths", "target_lengths"):
    refused(f"{name} that are no whole numbers", "ctc", ctc(**{name: [1.5, 2.0]}), "dtype-target",
            flag(name), "1 of 2 values is 1.5 (index 0), no whole number",
            mended={name: [2, 2] if name[0] == "t" else [4, 4]})  # fmt: skip
refused("the batch first", "ctc", ctc(log_probs=torch.zeros(2, 4, 3).log_softmax(-1).tolist()),
        "shape-mismatch", "--input-lengths", "(2) for a batch of 4",
        fix="--batch-first",  # C(6, 4) and C(5, 4) paths of 3^-4 each, by 2 labels and 2 samples
        after=-(math.log(15 / 81) + math.log(5 / 81)) / 4)  # fmt: skip
refused("a length for a large batch", "ctc",
        {"log_probs": torch.zeros(4, 40, 3).log_softmax(-1).tolist(), "targets": [[1]] * 40,
         "input_lengths": 4, "target_lengths": [1] * 40}, "shape-mismatch", "--input-lengths",
        "for a batch of 40", mended={"input_lengths": [4] * 40},
        after=math.log(81 / 10))  # 10 of 3^4 paths are 1, with blanks around  # fmt: skip
informed("labels of fractions", "ctc", ctc(targets=tensor([[1.0, 2.0], [2.0, 2.0]])),
         "dtype-target", "--targets", "float32 was cast to int64")  # fmt: skip
refused("a length too few for labels in one row", "ctc",
        {"log_probs": torch.zeros(4, 3, 3).log_softmax(-1).tolist(), "targets": [1, 2, 1],
         "input_lengths": [4] * 3, "target_lengths": [2, 1]}, "shape-mismatch", "--target-lengths",
        "(2) for a batch of 3", mended={"target_lengths": [1, 1, 1]},
        after=math.log(81 / 10))  # 10 of 3^4 paths are the label, with blanks around  # fmt: skip
refused("labels that are no whole numbers", "ctc", ctc(targets=[[1.5, 2], [2, 2]]),
        "dtype-target", "--targets", "1 of 4 values is 1.5 (index [0, 0])",
        mended={"targets": [[1, 2], [2, 2]]})  # fmt: skip
refused("a label of nan", "ctc", ctc(targets=[[NAN, 2], [2, 2]]),
        "dtype-target", "--targets", "1 of 4 values is nan (index [0, 0])",
        mended={"targets": [[1, 2], [2, 2]]})  # fmt: skip

# linear_cross_entropy ----------------------------------------------------------------------------

LINEAR = {"input": LOGITS, "linear_weight": [[1.0, 0.0], [0.0, 1.0]], "target": TARGET}
refused("smoothing of 1.5", "linear_cross_entropy", LINEAR, "option-range",
        "--label-smoothing", "needs a number of at most 1, got 1.5",
        options={"label_smoothing": 1.5}, mended={"label_smoothing": 0}, after=CE)  # fmt: skip
refused("three dimensions", "linear_cross_entropy", {**LINEAR, "input": [LOGITS]},
        "shape-mismatch", "--input", "(1, 3, 2); needs (D) or (N, D)", torch="RuntimeError",
        mended={"input": LOGITS}, after=CE)  # fmt: skip
refused("another number of features", "linear_cross_entropy",
        {**LINEAR, "linear_weight": [[1.0, 0, 0], [0, 1, 0]]}, "shape-mismatch", "--linear-weight",
        "(2, 3) against (3, 2) of --input; needs (C, 2)", torch="RuntimeError",
        mended={"linear_weight": LINEAR["linear_weight"]}, after=CE)  # fmt: skip
refused("a bias too many", "linear_cross_entropy", {**LINEAR, "linear_bias": [0, 0, 0]},
        "shape-mismatch", "--linear-bias", "(3); needs (2)", torch="RuntimeError",
        mended={"linear_bias": [0, 0]}, after=CE)  # fmt: skip
refused("class C", "linear_cross_entropy", {**LINEAR, "target": [0, 2, 1]}, "target-range",
        "--target", "1 of 3 values is 2 (index 1), no class; C = 2, valid are 0..1",
        torch="IndexError", mended={"target": TARGET}, after=CE)  # fmt: skip

# the checks --------------------------------------------------------------------------------------

REFUSED = [r for r in ROWS if r.level == "error"]
COMPUTED = [r for r in ROWS if r.level != "error"]
LINE = re.compile(r"(error|warning|info)\[[a-z-]+\] (-|value|gradient)[^:]*: .*[.?](?: |$)")
COUNTED = re.compile(r"(\d+) of (\d+)")


def found(row):
    """The findings of a row, and the evaluation where there is one."""
    try:
        evaluation = evaluate(row.loss, row.operands, row.options, Settings(**row.settings))
    except LossError as error:
        return list(error.findings), None
    return list(evaluation.findings), evaluation


def finding_of(row):
    findings, _ = found(row)
    matching = [
        f for f in findings if (f.rule, f.level, f.operand) == (row.rule, row.level, row.where)
    ]
    assert matching, [str(f) for f in findings]
    return matching[0]


def arguments(row, folder, **changed):
    """The row as one types it; tensors and arrays as files."""
    typed = ["loss", "--name", row.loss, "--reduction", row.reduction, "--format", "json"]
    typed += [part for name, v in row.given.items() for part in (flag(name), str(v))]
    operands = {**row.operands, **{k: v for k, v in changed.items() if k in LOSSES[row.loss].names}}
    options = {**row.options, **{k: v for k, v in changed.items() if k not in operands}}
    for name, value in operands.items():
        typed += [flag(name), written(value, folder / name)]
    for name, value in options.items():
        if isinstance(value, bool):
            typed.append(flag(name if value else f"no_{name}"))
        else:
            text = value if isinstance(value, str) else written(value, folder / name)
            typed += [flag(name), text]
    return typed


def written(value, path):
    if isinstance(value, torch.Tensor):
        torch.save(value, path)
        return str(path)
    if isinstance(value, np.ndarray):
        with path.open("wb") as file:
            np.save(file, value)
        return str(path)
    return json.dumps(value)


def run(typed):
    return CliRunner().invoke(build(), typed)


def near(value):
    return pytest.approx(value, rel=5e-4, abs=5e-5, nan_ok=True)


def number(value):
    return float(value)  # of "nan" and "inf", too


@pytest.mark.parametrize("row", REFUSED, ids=str)
def test_it_is_refused_and_says_why(row):
    finding = finding_of(row)
    for part in [row.says] if isinstance(row.says, str) else row.says:
        assert part in finding.message
    assert finding.torch.startswith(row.torch)
    assert finding.fix.startswith(row.fix)


@pytest.mark.parametrize("row", REFUSED, ids=str)
def test_the_command_ends_in_2_with_the_same_words(row, tmp_path):
    done = run(arguments(row, tmp_path))
    assert done.exit_code == 2
    assert done.stdout == ""
    where = next(f for f in found(row)[0] if f.rule == row.rule and f.level == "error")
    assert str(where) in done.stderr.splitlines()


@pytest.mark.parametrize("row", REFUSED, ids=str)
def test_a_message_is_one_line_of_rule_place_problem_torch_and_fix(row):
    findings, _ = found(row)
    for finding in findings:
        text = str(finding)
        assert LINE.match(text), text
        assert len(text.splitlines()) == 1
        assert finding.rule in {name.replace("_", "-") for name in RULES}
        assert "invalid" not in text.lower()
    first = finding_of(row)
    text = str(first)
    assert first.fix
    assert text.endswith(f" fix: {first.fix}")
    if row.loss != "ctc" and not (row.rule == "option-range" and "got" in first.message):
        assert first.torch  # options are refused before torch is loaded
    if first.torch:
        assert text.index(" torch: ") < text.index(" fix: ")


@pytest.mark.parametrize("row", [r for r in REFUSED if COUNTED.search(str(r.says))], ids=str)
def test_values_at_fault_are_counted_and_the_first_is_named(row):
    message = finding_of(row).message
    counted = COUNTED.search(message)
    assert counted
    assert 1 <= int(counted[1]) <= int(counted[2])
    if int(counted[2]) > 1:
        assert re.search(r"index \d|index \[\d|row \[?\d", message)


#: (of operands as they were given: a row with settings turns them)
SILENT = [r for r in REFUSED if r.torch.startswith(("no error", "UserWarning")) and not r.given]


@pytest.mark.parametrize("row", SILENT, ids=str)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_number_on_torch_is_what_its_class_returns(row):
    """By torch's class on tensors made here, not by the code under test."""
    record = LOSSES[row.loss]
    ids = {"classes", "classes_or_probs", "label_lists", "labels", "lengths"}
    made = []
    for operand in record.operands:
        if operand.name in row.operands:
            x = torch.as_tensor(row.operands[operand.name])
            whole = operand.holds in ids and (not x.is_floating_point() or operand.holds != ids)
            made.append(x if whole and not x.is_floating_point() else x.float())
    options = {
        k: tensor(v, dtype=torch.float32) if isinstance(v, list) else v
        for k, v in row.options.items()
    }
    value = getattr(torch.nn, record.class_name)(reduction=row.reduction, **options)(*made)
    shown = re.search(r"returns ([-\w.]+)", finding_of(row).torch)[1]
    assert number(shown) == pytest.approx(
        float(value.flatten()[0]), rel=1e-3, abs=1e-4, nan_ok=True
    )


# mending -----------------------------------------------------------------------------------------

REPLACED = re.compile(r"give (--[\w-]+) as (?:its argmax|\([\d, ]*\)): '(.*)'")
LISTED = re.compile(r"give (\[[-\d,]*\]) for it")
BOOLEANS = {p.name for record in LOSSES.values() for p in record.parameters if p.kind == "flag"}
BARE = {flag(no + name) for name in BOOLEANS for no in ("", "no_")} - {"--log-input"}
BARE |= {"--clamp", "--normalise", "--allow-broadcast", "--batch-first"}
SWITCH = re.compile(r"(--[a-z-]+) ('[^']*'|[\w=.'\[\], -]*?'|[\w=.-]+)(?=[, ]|$)")


def mend(row, finding, folder):
    """The command with the suggested change."""
    if row.mended and not finding.fix.startswith("--"):
        return arguments(row, folder, **row.mended)
    typed = arguments(row, folder, **row.mended)
    if replaced := REPLACED.match(finding.fix):
        return instead(typed, replaced[1], replaced[2])
    if listed := LISTED.match(finding.fix):
        return instead(typed, "--target", f"[{listed[1]}]")
    if swapped := re.match(r"swap (--\w+) and (--\w+)", finding.fix):
        one, other = (typed.index(swapped[i]) + 1 for i in (1, 2))
        typed[one], typed[other] = typed[other], typed[one]
        return typed
    first = re.split("[, ]", finding.fix)[0]
    if first in BARE:
        other = flag(first[5:]) if first.startswith("--no-") else f"--no-{first[2:]}"
        kept = typed if first == "--no-log-input" else [word for word in typed if word != other]
        return [*kept, first]
    if finding.fix.startswith("--log-input true"):  # the operand has that name, too
        return [word for word in typed if word != "--no-log-input"]
    if left := re.match(r"leave (--[a-z-]+) out", finding.fix):
        at = typed.index(left[1])
        return typed[:at] + typed[at + 2 :]
    switch = SWITCH.match(finding.fix)
    assert switch, f"no change of the command: {finding.fix!r}"
    while switch:  # several may stand together
        value = shlex.split(switch[2])[0] if "'" in switch[2] else switch[2]
        typed = instead(typed, switch[1], value)
        switch = SWITCH.match(finding.fix, switch.end() + 1)
    return typed


def instead(typed, switch, value):
    """A command line with another value of a flag, which may be given once."""
    for i, word in enumerate(typed):
        if word == switch:
            return [*typed[: i + 1], value, *typed[i + 2 :]]
    return [*typed, switch, value]


MENDED = [r for r in ROWS if r.fix or r.mended]


@pytest.mark.parametrize("row", MENDED, ids=str)
def test_the_suggested_change_mends_it(row, tmp_path):
    finding = finding_of(row)
    assert finding.fix.startswith(row.fix)
    done = run(mend(row, finding, tmp_path))
    assert done.exit_code == 0, done.stderr
    result = json.loads(done.stdout)
    assert not any(
        f["rule"] == row.rule and f["level"] == row.level and f["operand"] == row.where
        and not finding.fix.startswith("--allow")
        for f in result["findings"]
    )  # fmt: skip
    if row.after is not NOTHING:
        assert number(result["value"]) == near(row.after)


@pytest.mark.parametrize("row", [r for r in ROWS if r.rule and r not in MENDED], ids=str)
def test_no_suggestion_is_left_untried(row):
    """A suggestion is followed above; `describe` only tells more."""
    fix = finding_of(row).fix
    assert not fix or fix == f"initlab describe {row.loss}"


def test_most_suggestions_are_changes_of_the_command():
    runnable = [r for r in REFUSED if r.fix.startswith(("--", "give", "swap"))]
    assert len(runnable) > len(REFUSED) / 3


@pytest.mark.parametrize("row", [r for r in REFUSED if r.rule in ALLOWABLE], ids=str)
def test_an_allowed_rule_is_a_warning(row, tmp_path):
    every = [part for rule in ALLOWABLE for part in ("--allow", rule)]
    done = run([*arguments(row, tmp_path), *every])
    if done.exit_code == 2:  # torch itself refuses it, or it would read beyond its memory
        finding = finding_of(row)
        assert row.rule != "shape-broadcast"
        assert not finding.torch.startswith("no error")
        return
    findings = json.loads(done.stdout)["findings"]
    assert (row.rule, "warning") in {(f["rule"], f["level"]) for f in findings}


# what is computed --------------------------------------------------------------------------------


@pytest.mark.parametrize("row", COMPUTED, ids=str)
def test_it_is_computed_with_the_right_word(row, tmp_path):
    done = run(arguments(row, tmp_path))
    assert done.exit_code == 0, done.stderr
    result = json.loads(done.stdout)
    findings, evaluation = found(row)
    assert [str(f) for f in findings] == done.stderr.splitlines()
    if row.level != "silent":
        finding = finding_of(row)
        for part in [row.says] if isinstance(row.says, str) else row.says:
            assert part in finding.message
        assert finding.torch.startswith(row.torch)
    else:
        assert not [f for f in findings if f.level == "warning" or f.rule.startswith("dtype")]
    if row.level in ("info", "silent"):
        assert "warning" not in {f.level for f in findings}
    if row.value is not NOTHING:
        assert number(result["value"]) == near(row.value)
    assert evaluation.reductions == [row.reduction]


@pytest.mark.parametrize("row", [r for r in ROWS if r.level == "warning"], ids=str)
def test_strict_refuses_what_is_a_warning(row, tmp_path):
    done = run([*arguments(row, tmp_path), "--strict"])
    assert done.exit_code == 2
    assert done.stdout == ""
    assert f"error[{row.rule}] {row.where}: " in done.stderr


@pytest.mark.parametrize("row", [r for r in ROWS if r.level in ("info", "silent")], ids=str)
def test_strict_computes_what_is_none(row, tmp_path):
    assert run([*arguments(row, tmp_path), "--strict"]).exit_code == 0


@pytest.mark.parametrize("loss", TRIPLETS)
def test_embeddings_that_collapsed_have_a_verdict(loss):
    same = [part for name in TRIPLET for part in (flag(name), "[[1, 2]]")]
    done = run(["loss", "--name", loss, *same, "--explain"])
    assert "every distance is 0, the loss is the margin 1: embeddings collapsed" in done.stdout


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_has_rows(loss):
    assert any(r.loss == loss for r in REFUSED)
    assert any(r.loss == loss for r in MENDED)


# ctc in processes of its own ---------------------------------------------------------------------

EACH_ROW = """
import json, sys
from typer.testing import CliRunner
from initlab.cli.app import build
for line in sys.stdin:
    print(CliRunner().invoke(build(), json.loads(line)).exit_code, flush=True)
"""
CTC = [r for r in REFUSED if r.loss == "ctc"]


def test_no_bad_ctc_call_ends_the_process(tmp_path):
    """torch may abort for labels that are no classes, with gradients above all."""
    calls = [arguments(r, tmp_path) for r in CTC]
    calls += [[*c, "--grad"] for c in calls]
    calls += [[*c, "--explain", "--format", "table"] for c in calls[: len(CTC)]]
    calls += [[*c, *(part for rule in ALLOWABLE for part in ("--allow", rule))]
              for r, c in zip(CTC, calls, strict=False) if r.rule not in ALLOWABLE]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", EACH_ROW], input="\n".join(map(json.dumps, calls)),
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["2"] * len(calls)


@pytest.mark.parametrize("grad", [[], ["--grad"]], ids=["value", "grad"])
def test_a_label_that_is_no_class_ends_a_process_of_its_own_in_2(grad, tmp_path):
    (row,) = [r for r in CTC if r.name == "label 1000"]
    done = subprocess.run(
        [sys.executable, "-m", "initlab", *arguments(row, tmp_path), *grad],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error[ctc-label] --targets: sample 1: 1 of 2 labels is 1000")


def test_a_stream_of_bad_ctc_records_ends_in_1_with_a_line_for_each():
    lines = [json.dumps({**r.operands, "options": r.options}) for r in CTC]
    done = subprocess.run(
        [sys.executable, "-m", "initlab", "loss", "-n", "ctc", "--jsonl", "-", "--grad"],
        input="\n".join(lines), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert [r["line"] for r in results] == list(range(1, len(CTC) + 1))
    for row, result in zip(CTC, results, strict=True):
        assert (row.rule, "error") in {(f["rule"], f["level"]) for f in result["findings"]}


# weights that only torch's functions take, not its classes --------------------------------------


def weighted(loss, reduction):
    operands, options = {"input": [1.0, 2.0], "target": [0.0, 0.0]}, {"weight": [0, 0]}
    return evaluate(loss, operands, options, Settings(reduction=reduction))


@pytest.mark.parametrize("reduction", ["mean", "all"])
@pytest.mark.parametrize("loss", ["mse", "l1"])
def test_a_mean_by_weights_that_are_all_0_is_refused(loss, reduction):
    with pytest.raises(LossError) as refusal:
        weighted(loss, reduction)
    (finding,) = refusal.value.findings
    assert (finding.rule, finding.operand) == ("empty-mean", "--weight")
    assert finding.message == "every weight is 0; the mean divides by their sum"
    assert float(weighted(loss, "sum").values["sum"]) == 0  # 0 (1 - 0) + 0 (2 - 0)


def test_a_mean_by_the_number_of_values_takes_weights_of_0():
    assert float(weighted("huber", "mean").values["mean"]) == 0  # (0 + 0) / 2


# suggestions, as the code has them ---------------------------------------------------------------

BEGINNINGS = ("--", "give ", "swap ", "leave ", "mend ", "drop ", "subtract ", "longer ")
#: where findings about operands are made
SOURCES = [Path(checks.__file__).parent.glob("*.py"), [Path(precision.__file__)]]


def suggestions():
    """Every text of a check that suggests a change, as a pattern of what it comes to."""
    for file in sorted(file for files in SOURCES for file in files):
        for node in ast.walk(ast.parse(file.read_text())):
            parts = node.values if isinstance(node, ast.JoinedStr) else [node]
            texts = [p.value if isinstance(p, ast.Constant) else None for p in parts]
            if isinstance(texts[0], str) and texts[0].startswith(BEGINNINGS) and texts != ["--"]:
                yield "".join(".*" if text is None else re.escape(text) for text in texts)


@pytest.fixture(scope="module")
def followed():
    """The suggestions of all rows, each of which is followed above."""
    return [f.fix for row in ROWS for f in found(row)[0] if f.fix]


@pytest.mark.parametrize("pattern", sorted(set(suggestions())))
def test_every_suggestion_of_a_check_has_a_row(pattern, followed):
    assert any(re.search(pattern, fix) for fix in followed)
