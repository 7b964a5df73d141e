"""`initlab recommend` with --residual, --norm and --dropout."""

import pytest
import yaml
from commands import initlab, printed


def spec_of(words):
    """The spec that is printed last, as YAML."""
    lines = words.splitlines()
    start = max(n for n, line in enumerate(lines) if line == "in a spec:") + 1
    return yaml.safe_load("\n".join(line for line in lines[start:] if line.startswith("  ")))


@pytest.mark.parametrize(
    "options",
    [
        ["--residual", "2"],
        ["--residual", "2", "--norm", "layer"],
        ["--residual", "3", "--norm", "rmsnorm", "--dropout", "0.1"],
        ["--norm", "batch"],
        ["--norm", "layer", "--dropout", "0.1"],
    ],
)
def test_the_printed_spec_is_predicted_to_be_steady(options, tmp_path):
    done = initlab("recommend", "--activation", "tanh", "--depth", "30", "--width", "64", *options)
    first = printed(done)[0]
    assert (first["rank"], first["forward_verdict"], first["backward_verdict"]) == (
        "1", "steady", "steady",
    )  # fmt: skip
    spec = {"depth": 30, "width": 64, "activation": "tanh", **spec_of(done.stderr)}
    path = tmp_path / "spec.yaml"
    path.write_text(yaml.safe_dump({**spec, "loss": "cross_entropy"}))
    (predicted,) = printed(initlab("predict", str(path)))
    assert (predicted["forward_verdict"], predicted["backward_verdict"]) == ("steady", "steady")
    assert float(predicted["predicted_std"]) == pytest.approx(float(first["std_last"]), rel=1e-3)


def test_what_is_recommended_is_built_and_measured():
    done = initlab("recommend", "--activation", "relu", "--residual", "2", "--norm", "layer",
                   "--depth", "20", "--width", "32", "--verify")  # fmt: skip
    first, second = printed(done)[:2]
    assert (first["measured_forward"], first["measured_backward"]) == ("steady", "steady")
    assert float(first["measured_std_last"]) == pytest.approx(float(first["std_last"]), rel=0.2)
    assert second["measured_forward"] == ""


def test_nothing_that_was_tried_may_hold_and_a_norm_does():
    alone = ("recommend", "--activation", "gelu", "--dropout", "0.1")
    done = initlab(*alone)
    assert done.exit_code == 1
    assert "nothing tried is steady" in done.stderr
    assert "--norm layer" in done.stderr
    assert printed(initlab(*alone, "--norm", "layer"))[0]["forward_verdict"] == "steady"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--norm", "lyer"], "unknown norm 'lyer'; did you mean layer"),
        (["--residual", "200"], "no room for such a branch"),
        (["--residual", "0"], "--residual"),
        (["--dropout", "1"], "--dropout"),
        (["--norm", "layer", "--width", "4"], "stray too far"),
    ],
)
def test_what_cannot_be_is_refused(options, words):
    done = initlab("recommend", "--activation", "relu", *options)
    assert done.exit_code == 2
    assert words in done.stderr
