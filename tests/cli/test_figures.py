"""The pictures of theory and of two axes, from what was typed to the figure and the file."""

import csv
import statistics

import pytest
from commands import initlab

from initlab.cli import figures
from initlab.errors import InputError, UnknownName


@pytest.fixture(scope="module")
def kept(swept_once):
    """A folder of results, never written to."""
    return swept_once / "results/kept"


def medians(folder, value):
    """The median of a number over the runs of every init and activation, read by csv alone."""
    cells = {}
    with (folder / "runs.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            key = row["init"], row["init.gain"], row["activation"], row["bias.std"]
            cells.setdefault(key, []).append(value(row))
    return {key: statistics.median(found) for key, found in cells.items()}


def test_cells_are_the_medians_of_runs_csv(kept):
    figure = figures.heat([kept], "init, activation", "forward_ratio")
    assert [grid.title for grid in figure.panels] == ["bias none", "bias normal"]
    assert [*figure.panels[0].ys] == ["relu_squared", "tanh"]
    found = {}
    for grid, bias in zip(figure.panels, ("", "0.5"), strict=True):
        assert grid.values.shape == (2, 3)  # normal, and xavier_normal with two gains
        for row, activation in enumerate(grid.ys):
            for column, init in enumerate(grid.xs):
                name, _, gain = init.rstrip(")").partition("(gain=")
                default = "1.0" if name == "xavier_normal" else ""
                key = name, gain or default, activation, bias
                found[key] = grid.values[row, column]
    for key, median in medians(
        kept, lambda r: float(r["std_last"]) / float(r["std_first"])
    ).items():
        assert found[key] == pytest.approx(median), key


@pytest.mark.parametrize("axes", ["init", "init,", "init,activation,bias", ",init"])
def test_a_heat_map_has_two_axes(kept, axes):
    with pytest.raises(InputError, match="needs two fields"):
        figures.heat([kept], axes, "std_last")


def test_a_heat_map_is_of_one_folder(kept):
    with pytest.raises(InputError, match="one results folder"):
        figures.heat([kept, kept], "init,activation", "std_last")


def test_a_mistyped_field_is_told_with_the_nearest(kept):
    done = initlab("plot", kept, "--heat", "inti,activation", "--value", "std_last")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "did you mean init" in done.stderr


def test_losses_are_drawn_by_any_of_their_names():
    loss, gradient = figures.losses("mae,huber(delta=2)").panels
    assert [line.label for line in loss.lines] == ["l1", "huber(delta=2.0)"]
    assert gradient.y.title == "d loss / d x"


def test_phase_and_activations_take_parameters():
    figure = figures.activations("leaky_relu(negative_slope=0.2),tanh")
    assert figure.panels[0].lines[0].label == "leaky_relu(negative_slope=0.2)"
    # chi_1 = sigma_w^2 (1 + 0.5^2) / 2, so the edge is at sqrt(2 / 1.25)
    (grid,) = figures.phase("leaky_relu(negative_slope=0.5)").panels
    assert grid.contours[0].x[0] == pytest.approx((2 / 1.25) ** 0.5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--loss", "hubre"], "did you mean huber?"),
        (["--loss", "ctc"], "ctc has no picture"),
        (["--loss", "huber(delta=-1)"], "needs a number above 0"),
        (["--activation", "tahn"], "did you mean tanh"),
        (["--phase", "tanh,relu"], "draws one activation"),
        (["--phase", "relu(slope=1)"], "unknown option of relu 'slope'"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_a_fix(arguments, message):
    done = initlab("plot", *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.count("fix:") == 1


def test_names_are_looked_up_before_anything_is_loaded():
    with pytest.raises(UnknownName):
        figures.losses("nope")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--loss", "smooth_l1,l1,mse,huber"], ["smooth_l1 and huber are one curve here."]),
        (["--entropy"], ["ln 2 = 0.6931"]),
        (["--activation", "gelu,silu,mish"], ["phi(z)", "x silu"]),
        (["--phase", "relu"], ["edge of chaos", "The edge is a point: sigma_w = 1.414"]),
    ],
)
def test_every_picture_is_drawn_in_the_terminal_and_as_a_file(arguments, words, tmp_path):
    done = initlab("plot", *arguments)
    assert done.exit_code == 0, done.stderr
    assert all(word in done.stdout for word in words)
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert initlab("plot", *arguments, "-o", tmp_path / "a.svg").exit_code == 0
    assert "<svg" in (tmp_path / "a.svg").read_text()[:200]


def test_a_heat_map_is_drawn_as_a_file(kept, tmp_path):
    target = tmp_path / "a.png"
    arguments = ["plot", kept, "--heat", "init,activation", "--value", "backward_ratio"]
    assert initlab(*arguments, "-o", target).exit_code == 0
    assert target.read_bytes().startswith(b"\x89PNG")
    assert "backward_ratio over init and activation" in initlab(*arguments).stdout
