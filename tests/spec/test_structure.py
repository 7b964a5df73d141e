"""Where residual sums and norms stand, and their factors, against expectations written by hand."""

import math

import pytest

from initlab import load_plan
from initlab.spec.structure import Around, branch_end, structure_of


def structure(depth=None, **fields):
    shape = {} if depth is None else {"depth": depth, "width": 8}
    (run,) = load_plan({"activation": "relu", "init": "he", **shape, **fields}).runs
    return run.structure


def marks(found):
    """Each layer in a few letters, "." where nothing stands around it."""
    letters = {
        "opens": "(",  # and ")" where it closes
        "norm_in": "i",
        "norm_z": "z",
        "linear": "/",
        "after_sum": "s",
        "norm_h": "h",
        "norm_sum": "+",
    }
    texts = []
    for around in found.layers:
        text = "".join(letter for name, letter in letters.items() if getattr(around, name))
        texts.append(text + (")" if around.closes is not None else ""))
    return " ".join(text or "." for text in texts)


HEAD = {"last": {"activation": "identity"}}
STEM = {"first": {"bias": "zeros"}}
LAYER = {"name": "layer"}


@pytest.mark.parametrize(
    ("depth", "fields", "layers"),
    [
        (3, {}, ". . ."),
        # branches of one layer end with its activation, longer ones without
        (3, {"residual": 1}, "() () ()"),
        (4, {"residual": 2}, "( /) ( /)"),
        (6, {"residual": 3}, "( . /) ( . /)"),
        (3, {"residual": {"every": 1, "branch": "linear"}}, "(/) (/) (/)"),
        (4, {"residual": {"every": 2, "branch": "activation"}}, "( ) ( )"),
        (4, {"residual": {"every": 2, "branch": "after_sum"}}, "( s) ( s)"),
        (2, {"residual": {"every": 1, "branch": "after_sum"}}, "(s) (s)"),
        # as many as there is room for: what is left over follows
        (5, {"residual": 2}, "( /) ( /) ."),
        (8, {"residual": 3}, "( . /) ( . /) . ."),
        # a stem, a head, both
        (5, {"residual": 2, **HEAD}, "( /) ( /) ."),
        (5, {"residual": 2, **STEM}, ". ( /) ( /)"),
        (6, {"residual": 2, **STEM, **HEAD}, ". ( /) ( /) ."),
        (7, {"residual": 2, **STEM, **HEAD}, ". ( /) ( /) . ."),
        (5, {"residual": 2, "layers": {"0": {"bias": "zeros"}}}, "( /) ( /) ."),  # no stem
        # norms of every layer, but for a head
        (3, {"norm": "layer"}, "z z z"),
        (3, {"norm": {**LAYER, "place": "after_activation"}}, "h h h"),
        (3, {"norm": "batch", **HEAD}, "z z ."),
        (3, {"norm": "batch", **STEM}, "z z z"),
        (1, {"norm": "batch", **HEAD}, "z"),  # one layer is no head: there would be nothing else
        # pre: in front of every branch and after the last
        (4, {"residual": 2, "norm": "layer"}, "(i /) (i /)"),
        (5, {"residual": 2, "norm": "layer"}, "(i /) (i /) i"),
        (6, {"residual": 2, "norm": "layer", **STEM, **HEAD}, ". (i /) (i /) i"),
        (7, {"residual": 2, "norm": "layer", **STEM, **HEAD}, ". (i /) (i /) i ."),
        # post: after every sum
        (5, {"residual": 2, "norm": {**LAYER, "place": "post"}, **HEAD}, "( /+) ( /+) ."),
        (2, {"residual": {"every": 1, "branch": "after_sum"}, "norm": {**LAYER, "place": "post"}},
         "(s+) (s+)"),
        # of every layer, inside of branches, too
        (4, {"residual": 2, "norm": {**LAYER, "place": "before_activation"}}, "(z z/) (z z/)"),
        (5, {"residual": 2, "norm": {**LAYER, "place": "after_activation"}, **HEAD},
         "(h /h) (h /h) ."),
    ],
)  # fmt: skip
def test_what_stands_where(depth, fields, layers):
    assert marks(structure(depth, **fields)) == layers


@pytest.mark.parametrize(
    ("shape", "layers"),
    [
        ([8, 8, 8], "( /)"),
        ([5, 8, 8, 8], ". ( /)"),  # the first layer changes the width
        ([8, 8, 8, 3], "( /) ."),
        ([5, 8, 8, 8, 3], ". ( /) ."),
        ([5, 8, 8, 8, 8, 3], ". ( /) . ."),
    ],
)
def test_a_first_or_last_layer_that_changes_the_width_is_no_part_of_a_block(shape, layers):
    assert marks(structure(shape=shape, residual=2)) == layers


def test_a_norm_stands_at_the_loss_where_no_layer_follows_the_last_block():
    assert structure(4, residual=2, norm="layer").norm_last
    for other in ({"depth": 5}, {"depth": 4, "norm": {**LAYER, "place": "post"}}):
        assert not structure(**{"depth": 4, "residual": 2, "norm": "layer", **other}).norm_last
    assert not structure(4, residual=2).norm_last
    assert not structure(5, residual=2, norm="layer", **HEAD).norm_last


def test_without_a_sum_there_is_nothing():
    assert structure(3).layers == (Around(),) * 3
    assert structure(3).blocks == ()


# L counts branches ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("depth", "every", "fields", "count", "left"),
    [
        (12, 1, {}, 12, 0), (12, 2, {}, 6, 0), (12, 5, {}, 2, 2), (12, 12, {}, 1, 0),
        (12, 2, HEAD, 5, 1), (12, 2, {**STEM, **HEAD}, 5, 0), (12, 3, {**STEM, **HEAD}, 3, 1),
    ],
)  # fmt: skip
def test_l_is_the_number_of_branches(depth, every, fields, count, left):
    found = structure(depth, residual={"every": every, "scale": "1/L"}, **fields)
    assert (len(found.blocks), found.left_over) == (count, left)
    assert found.scale == 1 / count
    start = int("first" in fields)
    assert [(b.start, b.stop) for b in found.blocks] == [
        (start + k * every, start + (k + 1) * every) for k in range(count)
    ]
    closes = [around.closes for around in found.layers if around.closes is not None]
    assert closes == list(range(count))


def gains(found):
    """Of the weights of the first branch; those of all are alike."""
    of_blocks = {tuple(found.layers[i].gain for i in block) for block in found.blocks}
    (one,) = of_blocks
    return list(one)


POST = {"norm": {"name": "layer", "place": "post"}}


@pytest.mark.parametrize(
    ("residual", "more", "skip", "scale", "weights"),
    [
        ({}, {}, 1, 1, [1, 1]),
        ({"scale": 0.1, "skip": 0.9}, {}, 0.9, 0.1, [1, 1]),
        ({"scale": -2}, {}, 1, -2, [1, 1]),
        ({"scale": "sqrt(1/2)"}, {}, 1, math.sqrt(0.5), [1, 1]),
        ({"scale": "1/sqrt(L)"}, {}, 1, 1 / math.sqrt(6), [1, 1]),
        ({"scale": "1/L"}, {}, 1, 1 / 6, [1, 1]),
        # Bachlechner et al. 2021, eq. 1: x + alpha F(x), alpha = 0 at first
        ({"scale": "rezero"}, {}, 1, 0, [1, 1]),
        # Wang et al. 2022, fig. 2, encoder: alpha = (2N)^(1/4), beta = (8N)^(-1/4)
        ({"scale": "deepnorm"}, POST, 12**0.25, 1, [48**-0.25] * 2),
        # Zhang et al. 2019, sec. 3.1: L^(-1/(2m-2)) of a branch of m layers, the last of which is 0
        ({"scale": "fixup"}, {}, 1, 1, [6**-0.5, 0]),
        # Radford et al. 2019, sec. 2.3: residual layers' weights by 1/sqrt(N)
        ({"output_gain": "1/sqrt(L)"}, {}, 1, 1, [1, 6**-0.5]),
        ({"output_gain": "1/L"}, {}, 1, 1, [1, 1 / 6]),
        ({"output_gain": 0.3}, {}, 1, 1, [1, 0.3]),
        ({"output_gain": 0.3, "scale": "1/L", "skip": 2}, {}, 2, 1 / 6, [1, 0.3]),
    ],
    ids=str,
)
def test_factors_of_six_branches_of_two(residual, more, skip, scale, weights):
    found = structure(12, residual={"every": 2, **residual}, **more)
    assert found.skip == pytest.approx(skip, rel=1e-15)
    assert found.scale == pytest.approx(scale, rel=1e-15)
    assert gains(found) == pytest.approx(weights, rel=1e-15)


@pytest.mark.parametrize(
    ("every", "weights"),
    [(3, [4**-0.25] * 2 + [0]), (4, [3 ** (-1 / 6)] * 3 + [0])],
)
def test_fixup_of_longer_branches(every, weights):
    # 12 layers: 4 branches of m = 3 and L^(-1/4), 3 of m = 4 and L^(-1/6)
    assert gains(structure(12, residual={"every": every, "scale": "fixup"})) == pytest.approx(
        weights, rel=1e-15
    )


def test_layers_outside_of_branches_have_their_own_weights():
    found = structure(8, residual={"every": 2, "scale": "fixup"}, **STEM, **HEAD)
    assert [around.gain for around in found.layers] == [1, *[3**-0.5, 0] * 3, 1]


def test_the_gain_of_a_layer_is_a_factor_of_its_weights():
    spec = {"depth": 4, "width": 8, "activation": "tanh", "init": "he"}
    (run,) = load_plan({**spec, "residual": {"every": 2, "output_gain": 0.3}}).runs
    assert [layer.gain for layer in run.layers] == [1, 0.3, 1, 0.3]
    assert [layer.activation.name for layer in run.layers] == ["tanh", "identity"] * 2


# streams, projections, norms --------------------------------------------------------------------


def test_the_stream_is_all_outside_of_branches():
    # a stem, blocks 1-3 and 4-6, one left over and a head: only what sums hand on, and the others
    assert structure(9, residual=3, **STEM, **HEAD).stream == [0, 3, 6, 7, 8]
    assert structure(3).stream == [0, 1, 2]


def test_projections_stand_where_a_branch_changes_the_width():
    # blocks 0-1 (8 to 8), 2-3 (8 to 5), 4-5 (5 to 5)
    shape = [8, 8, 8, 4, 5, 5, 5]
    found = structure(shape=shape, residual={"every": 2, "project": True})
    assert found.projections(shape) == [(2, 3)]
    equal = structure(6, residual={"every": 2, "project": True})
    assert equal.projections([8] * 7) == []


def test_weights_of_projections_follow_those_of_layers():
    spec = {"shape": [8, 8, 8, 4, 5, 5, 5], "activation": "relu", "init": "he"}
    plan = load_plan({**spec, "residual": {"every": 2, "project": True, "output_gain": 0.5},
                      "layers": {2: {"init": "orthogonal"}}, "bias": {"std": 1}})  # fmt: skip
    *layers, (fan_in, fan_out, made) = plan.runs[0].linears
    assert [(a, b) for a, b, _ in layers] == [(8, 8), (8, 8), (8, 4), (4, 5), (5, 5), (5, 5)]
    assert (fan_in, fan_out) == (8, 5)
    # as the layer with which its block begins, without activation and biases
    assert (made.init.name, made.activation.name, made.bias, made.gain) == (
        "orthogonal", "identity", None, 1.0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "widths"),
    [
        ({"norm": "layer"}, [6, 7, 8]),  # but for the head
        ({"norm": {**LAYER, "place": "after_activation"}}, [6, 7, 8]),
        ({"norm": "rms", "residual": {"every": 1, "project": True}}, [6, 7, 8]),
        ({"norm": {**LAYER, "place": "post"}, "residual": {"every": 1, "project": True}}, [7, 8]),
        ({}, []),
    ],
)
def test_the_widths_of_norms(fields, widths):
    # a stem from 5 to 6, blocks of one layer to 7 and to 8, a head to 1
    shape = [5, 6, 7, 8, 1]
    assert list(structure(shape=shape, **fields).normed(shape)) == widths


def test_the_width_of_a_norm_at_the_loss():
    assert list(structure(2, residual=1, norm="layer").normed([8, 8, 8])) == [8, 8, 8]


@pytest.mark.parametrize(
    ("residual", "end"),
    [
        ({"every": 1}, "activation"),
        ({"every": 2}, "linear"),
        ({"every": 1, "branch": "linear"}, "linear"),
        ({"every": 2, "branch": "after_sum"}, "after_sum"),
    ],
)
def test_how_a_branch_ends(residual, end):
    assert branch_end(residual) == end


@pytest.mark.parametrize("scale", ["rezero", "fixup", "deepnorm", "1/sqrt(L)", "1/L", 0.5])
def test_a_block_that_does_not_fit_has_factors_all_the_same(scale):
    # the spec is refused, but for the reason that it is told
    residual = {"every": 5, "scale": scale, "skip": 1.0}
    found = structure_of((8, 8, 8), residual, None, (False, False))
    assert found.blocks == ()
    assert found.left_over == 2
    assert (found.skip, found.scale) == (1, {"rezero": 0, 0.5: 0.5}.get(scale, 1))
