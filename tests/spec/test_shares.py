"""What a share needs: random numbers, and memory beside them."""

from initlab.spec.shares import KEEP_BYTES, run_bytes


def test_the_size_of_the_draws(plan_of):
    (share,) = plan_of(shape=[3, 5, 2], dtype="float64").shares()
    assert share.draw_bytes == 8 * (3 * 5 + 5 + 5 * 2 + 2)
    (share,) = plan_of(shape=[3, 5, 2], dtype="float16").shares()
    assert share.draw_bytes == 4 * (3 * 5 + 5 + 5 * 2 + 2)  # drawn in float32, then rounded


def test_draws_that_would_fill_memory_are_not_kept(plan_of):
    # 2000 x 1024 x 1025 float32 are 7.8 GiB
    (share,) = plan_of(depth=2000, width=1024).shares()
    assert share.draw_bytes > 7 * 2**30
    assert not share.keeps_draws
    assert share.memory_bytes < 2**30
    (small,) = plan_of(depth=20, width=1024).shares()
    assert small.keeps_draws
    assert small.draw_bytes <= KEEP_BYTES


def test_what_the_backward_pass_keeps(plan_of):
    (run,) = plan_of(shape=[3, 5, 2], batch=7, dtype="float64").runs
    blocks = 8 * 8 * 7 * 5  # eight blocks of the widest layer, in float64
    assert run_bytes(run) == blocks + 8 * 7 * 2 * (3 + 5 + 2)
    (run,) = plan_of(shape=[3, 5, 2], record="forward").runs
    assert run_bytes(run) == 8 * 8 * 16 * 5


def test_what_is_small_is_mostly_python(plan_of):
    # measured: two threads take longer than one at widths of 8 to 64, and less from 256 on
    for width, small in ((8, True), (64, True), (256, False), (1024, False)):
        share, *_ = plan_of(depth=100, width=width, batch=16, seeds=16).shares(jobs=2)
        assert share.is_small == small
    gains = {"scheme": "xavier_normal", "gain": {"from": 0.5, "to": 2, "steps": 50}}
    (grid,) = plan_of(depth=100, width=64, batch=16, init=gains).shares()
    assert not grid.is_small  # 50 networks share the calls
