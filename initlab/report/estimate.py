"""What a plan would cost, without computing any of it."""

from itertools import pairwise

from initlab.memory import memory_bytes
from initlab.spec.plan import Plan
from initlab.tasks import everything

HEADER = (
    "spec", "runs", "shares", "layers", "random_numbers", "gflop", "memory_mib", "simulated",
)  # fmt: skip


def estimate(plan: Plan, jobs: int) -> tuple[str, int, int, int, int, float, int, int]:
    """Size and cost of a plan: a row of HEADER.

    `random_numbers` counts what is drawn, `gflop` the matrix products (a multiply and an add each):
    2 B I O a layer forward, and as many again backward but for layer 0. `simulated` counts the
    networks behind the finite-width bands, each of some 2 B (B + 1) O flop a layer.
    """
    shares = plan.shares(jobs)
    drawn, flop = 0, 0
    for share in shares:
        drawn += sum(a * b for a, b in pairwise(share.first.shape))
        for _, run in share.runs:
            products = [2 * run.batch * a * b for a, b in pairwise(run.shape)]
            flop += sum(products) + (sum(products[1:]) if run.record == "both" else 0)
    layers = sum(run.depth for run in plan.runs)
    memory = round(memory_bytes(plan, jobs) / 2**20)
    points = len(everything(plan).bands)
    return (
        plan.head.name,
        len(plan.runs),
        len(shares),
        layers,
        drawn,
        round(flop / 1e9, 3),
        memory,
        points * plan.head.band,
    )
