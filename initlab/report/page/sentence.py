"""The verdict on a sweep in a few sentences: how many points, which, and what matters of them."""

from collections.abc import Iterator, Sequence

from initlab.report.page.points import UNFINISHED, Points

MOST_NAMED = 3  # points that are named; more are counted
#: what one point does, and what several do; what matters most first
VERBS = {
    "nan": ("turns nan", "turn nan"),
    "exploding": ("explodes", "explode"),
    "vanishing": ("vanishes", "vanish"),
    "steady": ("is steady", "are steady"),
    "failed": ("failed", "failed"),
}


def verdict(points: Points) -> str:
    """What became of signal and gradient."""
    if not len(points):
        return "There is no run here."
    parts = _of_one(points) if len(points) == 1 else _of_many(points)
    return " ".join([*parts, *_unfinished(points)])


def _of_one(points: Points) -> Iterator[str]:
    (forward,), (backward,), (reason,) = points.forward, points.backward, points.reasons()
    words = {"the signal": forward, "the gradient": backward}
    words = {what: word for what, word in words.items() if word not in ("", UNFINISHED, "failed")}
    if len(words) == 2 and forward == backward and forward in VERBS:
        text = f"Signal and gradient {VERBS[forward][1]}"
    else:
        text = " and ".join(f"{what} {_verb(word)}" for what, word in words.items())
        text = text[:1].upper() + text[1:]
    if text:
        yield f"{text}: {reason}."
    if forward == "steady" and backward in ("vanishing", "exploding", "nan"):
        yield "A steady signal alone does not make a network that can be trained."


def _verb(word: str) -> str:
    return VERBS[word][0] if word in VERBS else f"differs from seed to seed ({word})"


def _of_many(points: Points) -> Iterator[str]:
    names, forward, backward = points.names, points.forward, points.backward
    going_on = bool((points.runs["status"] == "interrupted").any())
    yield from _counted(names, forward, "Forward so far" if going_on else "Forward")
    both = list(zip(names, forward, backward, strict=True))
    for word in ("exploding", "vanishing", "nan"):
        trapped = [name for name, f, b in both if (f, b) == ("steady", word)]
        if trapped:
            many = len(trapped) > 1
            its = "their gradients" if many else "its gradient"
            yield (
                f"{_listed(trapped)} {VERBS['steady'][many]} forward, but {its}"
                f" {VERBS[word][many]} backwards."
            )
    if all(points.has_gradient) or any(word == "steady" for word in backward):
        steady = [name for name, f, b in both if f == b == "steady"]
        yield f"Steady both ways: {_listed(steady)}." if steady else "None is steady both ways."


def _counted(names: Sequence[str], words: Sequence[str], way: str) -> Iterator[str]:
    """As "Forward, 2 of 3 points explode (identity and relu) and 1 is steady (tanh)"."""
    kinds = [word if word in VERBS or word == UNFINISHED else "mixed" for word in words]
    texts: list[str] = []
    for kind in (*VERBS, "mixed"):
        found = [name for name, own in zip(names, kinds, strict=True) if own == kind]
        if found:
            one, many = VERBS.get(kind, ("differs between seeds", "differ between seeds"))
            of = "" if texts else f" of {len(names):,} points"
            which = f" ({_listed(found)})" if len(found) <= MOST_NAMED else ""
            texts.append(f"{len(found):,}{of} {one if len(found) == 1 else many}{which}")
    if texts:
        *most, last = texts
        yield f"{way}, {', '.join(most)}{' and ' if most else ''}{last}."


def _unfinished(points: Points) -> Iterator[str]:
    status = points.runs["status"]
    failed, todo = int((status == "failed").sum()), int((status == "interrupted").sum())
    if failed:
        yield f"{failed:,} of {len(status):,} runs failed."
    if todo:
        yield f"Only {len(status) - todo:,} of {len(status):,} runs are finished."


def _listed(names: Sequence[str]) -> str:
    """A few names, or how many there are; those that hold a comma are quoted."""
    if len(names) > MOST_NAMED:
        return f"{len(names):,} points"
    *most, last = [f"“{name}”" if "," in name else name for name in names]
    return f"{', '.join(most)} and {last}" if most else last
