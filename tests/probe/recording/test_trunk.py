"""The trunk against its definition: every path is enumerated."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from initlab.probe.recording.trunk import trunk


def paths(graph, node, sinks):
    """Every path from a node to a sink, which may lead on over other sinks."""
    if node in sinks:
        yield (node,)
    for other in dict.fromkeys(graph[node]):
        for rest in paths(graph, other, sinks):
            yield (node, *rest)


def by_definition(graph, root, sinks):
    """The nodes on all paths, in the order of any of them, the sinks' end first."""
    found = list(paths(graph, root, set(sinks)))
    common = set(found[0]).intersection(*found) if found else set()
    return [node for node in reversed(found[0]) if node in common] if found else []


@st.composite
def graphs(draw):
    """A graph without cycles of up to 8 nodes in any order, a root, and sinks, some not in it."""
    names = draw(st.permutations("abcdefgh"[: draw(st.integers(1, 8))]))
    graph = {}
    for place, name in enumerate(names):
        later = names[place + 1 :]
        graph[name] = draw(st.lists(st.sampled_from(later), max_size=4)) if later else []
    shuffled = {name: graph[name] for name in sorted(graph)}
    sinks = draw(st.lists(st.sampled_from([*names, "outside"]), max_size=4))
    return shuffled, draw(st.sampled_from(names)), sinks


@given(graphs())
@settings(max_examples=400, deadline=None)
def test_the_chain_is_what_all_paths_have_in_common(case):
    graph, root, sinks = case
    assert trunk(graph, root, sinks) == by_definition(graph, root, sinks)


DIAMOND = {"y": ["l", "r"], "l": ["m"], "r": ["m"], "m": ["x"], "x": [], "z": []}


@pytest.mark.parametrize(
    ("graph", "root", "sinks", "chain"),
    [
        ({"y": []}, "y", ["y"], ["y"]),  # one node
        ({"y": ["x"], "x": []}, "y", ["y", "x"], ["y"]),  # a path ends at the root itself
        ({"y": ["x", "x"], "x": []}, "y", ["x", "x"], ["x", "y"]),  # an edge twice: x * x
        (DIAMOND, "y", ["x"], ["x", "m", "y"]),  # branches are not on it
        (DIAMOND, "y", ["x", "l"], ["y"]),  # one path ends in l, another goes round it
        (DIAMOND, "y", ["l", "r"], ["y"]),
        (DIAMOND, "y", ["x", "z"], ["x", "m", "y"]),  # z is never reached
        (DIAMOND, "y", ["z"], []),
        (DIAMOND, "y", [], []),
        (DIAMOND, "y", ["nowhere"], []),
        (DIAMOND, "m", ["x"], ["x", "m"]),  # what lies behind the root does not count
        ({"y": ["h", "x"], "h": ["x"], "x": []}, "y", ["x"], ["x", "y"]),  # a residual stream
    ],
)
def test_by_hand(graph, root, sinks, chain):
    assert trunk(graph, root, sinks) == chain


def test_a_branch_that_leads_to_no_sink_does_not_hide_the_trunk():
    # parameters are leaves too: every layer has a path that ends in its weight
    graph = {"y": ["w2", "h"], "h": ["w1", "x"], "w1": [], "w2": [], "x": []}
    assert trunk(graph, "y", ["x"]) == ["x", "h", "y"]


def test_depth_is_no_limit():
    # far more nodes in a row than Python nests calls (1000)
    length = 20_000
    chain = {n: [n - 1] if n else [] for n in range(length)}
    assert trunk(chain, length - 1, [0]) == list(range(length))
    # and 2^2000 paths, which are not walked one by one
    ladder = {
        (n, side): [(n - 1, 0), (n - 1, 1)] if n else [] for n in range(2000) for side in (0, 1)
    }
    assert trunk(ladder, (1999, 0), [(0, 0), (0, 1)]) == [(1999, 0)]
