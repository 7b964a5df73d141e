"""The value of a stream as one batch, against torch on the batches put together."""

import json

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from initlab.losslab.evaluate import evaluate_loss
from initlab.losslab.total import Total


def total(loss, batches, options=None, **settings):
    """The combined values of batches."""
    added = Total()
    for batch in batches:
        added.add(evaluate_loss(loss, batch, options, **settings))
    return [line["total"] for line in added.lines()], list(added.notes())


def batches(make, sizes=(3, 1, 5)):
    torch.manual_seed(0)
    return [make(n) for n in sizes]


def joined(parts, name):
    return torch.cat([part[name] for part in parts])


def test_cross_entropy_divides_by_all_weights_of_targets_that_are_kept():
    parts = batches(lambda n: {"input": torch.randn(n, 4), "target": torch.randint(0, 4, (n,))})
    parts[0]["target"][0] = -100
    weight = torch.tensor([1.0, 2.0, 0.5, 3.0])
    (found,), notes = total("cross_entropy", parts, {"weight": weight})
    target = joined(parts, "target")
    expected = F.cross_entropy(joined(parts, "input"), target, weight)
    assert found["value"] == pytest.approx(float(expected), rel=1e-6)
    assert found["float64"] == pytest.approx(float(expected), rel=1e-6)
    assert found["denominator"] == pytest.approx(float(weight[target[target >= 0]].sum()))
    means = [float(F.cross_entropy(p["input"], p["target"], weight)) for p in parts]
    assert found["mean_of_means"] == pytest.approx(sum(means) / 3)
    assert abs(found["mean_of_means"] - found["value"]) > 1e-3
    assert "they have different denominators" in notes[0]


def test_a_batch_of_ignored_targets_adds_nothing():
    kept = {"input": torch.tensor([[1.0, 2.0]]), "target": torch.tensor([1])}
    ignored = {"input": torch.tensor([[5.0, 2.0]]), "target": torch.tensor([-100])}
    (found,), _ = total("cross_entropy", [kept, ignored], allow=["empty-mean"])
    assert found["value"] == pytest.approx(float(F.cross_entropy(**kept)))
    assert found["mean_of_means"] == found["value"]  # of the one batch that has a mean
    assert found["denominator"] == 1


def test_all_reductions_of_mse():
    parts = batches(lambda n: {"input": torch.randn(n, 2), "target": torch.randn(n, 2)})
    found, _ = total("mse", parts, reduction="all")
    by = {line["reduction"]: line for line in found}
    x, t = joined(parts, "input"), joined(parts, "target")
    assert by["mean"]["value"] == pytest.approx(float(F.mse_loss(x, t)), rel=1e-6)
    assert by["mean"]["denominator"] == 18
    assert by["sum"]["value"] == pytest.approx(float(F.mse_loss(x, t, reduction="sum")), rel=1e-6)
    assert (by["sum"]["denominator"], by["sum"]["mean_of_means"]) == (None, None)
    assert "none" not in by  # nothing combines its values


def test_batches_of_one_size_have_one_mean():
    parts = batches(lambda n: {"input": torch.randn(n, 2), "target": torch.randn(n, 2)}, (4, 4))
    (found,), notes = total("mse", parts)
    assert found["mean_of_means"] == pytest.approx(found["value"])
    assert notes == []


def test_batchmean_of_kl_div_divides_by_all_rows():
    def make(n):
        return {"input": torch.randn(n, 3).log_softmax(-1), "target": torch.rand(n, 3).softmax(-1)}

    parts = batches(make)
    (found,), _ = total("kl_div", parts, reduction="batchmean")
    expected = F.kl_div(joined(parts, "input"), joined(parts, "target"), reduction="batchmean")
    assert found["value"] == pytest.approx(float(expected), rel=1e-5)
    assert found["denominator"] == 9


def test_ctc_averages_over_all_sequences():
    def make(n):
        return {
            "log_probs": torch.randn(6, n, 4).log_softmax(-1),
            "targets": torch.randint(1, 4, (n, 3)),
            "input_lengths": torch.full((n,), 6),
            "target_lengths": torch.tensor([2, 3, 1, 2, 3][:n]),
        }

    parts = batches(make)
    (found,), _ = total("ctc", parts)
    expected = F.ctc_loss(
        torch.cat([p["log_probs"] for p in parts], dim=1),
        *(joined(parts, name) for name in ("targets", "input_lengths", "target_lengths")),
    )
    assert found["value"] == pytest.approx(float(expected), rel=1e-5)
    assert found["denominator"] == 9
    alone = [
        {
            "log_probs": p["log_probs"][:, n],
            "targets": p["targets"][n][: p["target_lengths"][n]],
            "input_lengths": p["input_lengths"][n],
            "target_lengths": p["target_lengths"][n],
        }
        for p in parts
        for n in range(len(p["targets"]))
    ]
    (single,), notes = total("ctc", alone)  # without a batch, each is one sequence
    assert single["value"] == pytest.approx(float(expected), rel=1e-5)
    assert notes == []


def test_nothing_computed():
    added = Total()
    added.refused = 2
    (line,) = added.lines()
    assert {key for key, value in line["total"].items() if value is None} == {
        "loss", "reduction", "value", "float64", "denominator", "mean_of_means",
    }  # fmt: skip
    assert (line["total"]["computed"], line["total"]["refused"]) == (0, 2)
    json.dumps(list(added.lines()))
