"""The trunk of a graph: the nodes that every path from the output to the inputs passes.

They are the chain of dominators of a virtual node behind all inputs (Lengauer & Tarjan 1979; here
by the simpler iteration of Cooper, Harvey & Kennedy 2001, which needs one pass where there is no
cycle). Pure graph code: nodes are anything that can be a key.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

N = TypeVar("N", bound=Hashable)

Graph = Mapping[N, Sequence[N]]  # every node, and those it leads to


def trunk(graph: Graph[N], root: N, sinks: Iterable[N]) -> list[N]:
    """The nodes on every path from `root` to any of `sinks`, those next to the sinks first.

    Args:
        graph: without cycles; each node once, repeated successors count once.
        root: where paths begin.
        sinks: where they end; those that no path reaches do not count.

    Returns:
        The chain, whose last is the root; empty where no sink is reached.
    """
    reached = [sink for sink in dict.fromkeys(sinks) if sink in graph]
    before = _predecessors(graph)
    live = _reaching(before, reached)
    if root not in live:
        return []
    order = _topological(graph, before, root, live)
    place = {node: index for index, node in enumerate(order)}
    dominator = {root: root}

    def common(first: N, second: N) -> N:
        while first != second:
            if place[first] > place[second]:
                first = dominator[first]
            else:
                second = dominator[second]
        return first

    def of_all(nodes: Iterable[N]) -> N:
        found, *rest = (node for node in nodes if node in dominator)
        for node in rest:
            found = common(found, node)
        return found

    for node in order[1:]:
        dominator[node] = of_all(before[node])
    chain = [of_all(reached)]
    while chain[-1] != root:
        chain.append(dominator[chain[-1]])
    return chain


def _predecessors(graph: Graph[N]) -> dict[N, list[N]]:
    before: dict[N, list[N]] = {node: [] for node in graph}
    for node, following in graph.items():
        for other in dict.fromkeys(following):
            before[other].append(node)
    return before


def _reaching(before: Mapping[N, Sequence[N]], sinks: Iterable[N]) -> set[N]:
    """Nodes from which a path leads to a sink."""
    live: set[N] = set()
    todo = list(sinks)
    while todo:
        node = todo.pop()
        if node not in live:
            live.add(node)
            todo += before[node]
    return live


def _topological(
    graph: Graph[N], before: Mapping[N, Sequence[N]], root: N, live: set[N]
) -> list[N]:
    """The live nodes that the root reaches, each after all that lead to it (Kahn 1962)."""
    from_root = _reaching(graph, [root])
    waiting = {
        node: sum(other in live and other in from_root for other in before[node])
        for node in live & from_root
    }
    order, ready = [], [root]
    while ready:
        node = ready.pop()
        order.append(node)
        for other in dict.fromkeys(graph[node]):
            if other in waiting:
                waiting[other] -= 1
                if waiting[other] == 0:
                    ready.append(other)
    return order
