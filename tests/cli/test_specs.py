"""What is said of a spec that may have meant something else: once, on stderr."""

from commands import initlab

SPEC = "shape: [16, 8, 8]\nactivation: [relu, identity]\ninit: he\nseeds: 2\nband: 0\n"


def test_a_hint_is_told_once_beside_the_results(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text(SPEC)
    done = initlab("predict", tmp_path / "a.yaml", tmp_path / "b.yaml")
    assert done.exit_code == 0
    assert done.stderr.count("a list is an axis, of 2 values here") == 1
    assert "layers: {0: {activation: relu}, 1: {activation: identity}}" in done.stderr
    assert "axis" not in done.stdout


def test_a_sweep_tells_it_and_quiet_does_not():
    said = "a list is an axis"
    assert said in initlab("sweep", "-", "--no-save", stdin=SPEC).stderr
    assert said not in initlab("--quiet", "sweep", "-", "--no-save", stdin=SPEC).stderr
