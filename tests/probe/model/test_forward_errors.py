"""What is said of a batch that a model does not take, and that following it helps."""

import pytest
import torch
from torch import nn

from initlab import probe
from initlab.errors import UserCodeError


class Two(nn.Linear):
    def forward(self, x, mask):
        return super().forward(x) * mask


def refused(build, batch):
    with pytest.raises(UserCodeError) as error:
        probe(build, batch, seeds=1)
    return error.value


def test_labels_that_forward_does_not_take():
    images, labels = torch.randn(8, 4), torch.randint(3, (8,))
    error = refused(lambda: nn.Linear(4, 3), lambda: (images, labels))
    assert "forward of Linear does not take the batch: too many positional" in error.message
    assert "--target" in error.fix
    # followed: the labels are the target
    found = probe(lambda: nn.Linear(4, 3), images, loss="cross_entropy", target=labels, seeds=1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        expected = nn.functional.cross_entropy(nn.Linear(4, 3)(images), labels).detach()
    assert found.runs[0].loss == pytest.approx(float(expected), rel=1e-6)


def test_an_argument_that_is_not_given():
    error = refused(lambda: Two(4, 3), torch.randn(8, 4))
    assert "missing a required argument: 'mask'" in error.message
    assert "forward(x, mask)" in error.fix
    assert probe(lambda: Two(4, 3), {"x": torch.randn(8, 4), "mask": torch.ones(8, 1)}, seeds=1)


@pytest.mark.parametrize(
    ("build", "batch", "went_in", "fix"),
    [
        (lambda: nn.Linear(4, 3), torch.ones(8, 4).long(), "int64 8x4", "--dtype float32"),
        (lambda: nn.Linear(4, 3), torch.ones(8, 5), "float32 8x5", None),
        (lambda: nn.Embedding(4, 3), torch.full((8, 2), 9), "int64 8x2", "tokens:ROWS"),
        (lambda: nn.Embedding(4, 3), torch.ones(8, 2), "float32 8x2", "tokens:1000"),
    ],
)
def test_what_went_in_is_said(build, batch, went_in, fix):
    error = refused(build, batch)
    assert f"the batch: {went_in}" in error.message
    assert error.fix is None if fix is None else fix in error.fix
