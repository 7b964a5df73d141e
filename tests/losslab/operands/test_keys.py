"""FILE:KEY: which array of a file is meant, and what is said where there is none."""

import json
import re

import numpy as np
import pytest
import torch

from initlab.errors import InputError
from initlab.losslab.operands.reading import read

HELD = {"logits": [[1.0, 2.0]], "batch": {"labels": [1], "x.y": [3.0]}, "epochs": [{"a": [5.0]}]}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "held.json").write_text(json.dumps(HELD))
    tensors = {"logits": torch.tensor([[1.0, 2.0]]), "batch": {"labels": torch.tensor([1])}}
    torch.save(tensors, tmp_path / "held.pt")
    np.savez(tmp_path / "held.npz", logits=[[1.0, 2.0]], other=[7])
    np.save(tmp_path / "one.npy", [1.0])
    (tmp_path / "rows.csv").write_text("1,2\n")
    return tmp_path


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ("held.json:logits", [[1, 2]]),
        ("held.json:batch.labels", [1]),
        ("held.json:batch.x.y", [3]),
        ("held.json:epochs.0.a", [5]),
        ("held.pt:logits", [[1, 2]]),
        ("held.pt:batch.labels", [1]),
        ("held.npz:other", [7]),
        ("one.npy", [1]),
    ],
)
def test_keys(folder, given, value):
    assert read(given, "--input").tensor.tolist() == value


def test_a_file_whose_name_has_the_colon_goes_before(folder):
    (folder / "held.npz:other").write_text("9\n")
    assert read("held.npz:other", "--input").tensor.tolist() == [9]


@pytest.mark.parametrize(
    ("given", "says", "fix"),
    [
        ("held.pt:logit", "there is no 'logit'; it holds logits, batch.labels",
         "--input held.pt:logits"),
        ("held.npz:x", "there is no 'x'; it holds logits, other", "--input held.npz:logits"),
        ("held.json:batch.z", "there is no 'batch.z'", "--input held.json:batch."),
        ("one.npy:x", "the file holds one array, which has no key", "--input one.npy"),
        ("rows.csv:x", "the file holds one array, which has no key", "--input rows.csv"),
    ],
)  # fmt: skip
def test_a_key_that_is_not_there(folder, given, says, fix):
    with pytest.raises(InputError, match=re.escape(says)) as refused:
        read(given, "--input")
    assert refused.value.fix.startswith(fix)
    read(refused.value.fix.removeprefix("--input "), "--input")  # which can be read


@pytest.mark.parametrize("given", ["no.pt:x", "no.pt", "nothing:"])
def test_no_such_file(folder, given):
    with pytest.raises(InputError, match="is no list of numbers, and as a file cannot be read"):
        read(given, "--input")


@pytest.mark.parametrize(
    ("names", "fix"),
    [
        (["input", "inputs"], "held.pt:logits"),
        (["target", "targets"], "held.pt:batch.labels"),
        (["var"], None),  # any key would be a guess
    ],
)
def test_without_a_key_one_is_suggested_that_is_likely_meant(folder, names, fix):
    with pytest.raises(InputError, match=r"holds logits, batch.labels, not ") as refused:
        read("held.pt", "--input", names)
    assert refused.value.fix == (fix and f"--input {fix}")
