"""Shared by several tests."""

import csv
from collections import defaultdict
from dataclasses import replace

from initlab.store import rows
from initlab.store.opening import open_for_writing
from initlab.store.outcome import Outcome
from initlab.store.work import MeasureTask, PredictTask, Work, plan_work
from initlab.sweep.engines.threads import Threads
from initlab.sweep.run import run_tasks
from initlab.sweep.session import SessionOptions, run_session
from initlab.sweep.signals import Stop, listening
from initlab.theory.expectation import Expectation, PredictedNumbers, band_point


class Kept:
    """A sink for results in memory, without any file; `theory` says whether that is wanted, too."""

    def __init__(self, plan, *, theory=True):
        self.plan = plan
        self.theory = theory
        self.measured = {}
        self.expected = {}
        self.bands = {}
        self.problems = []

    def remaining(self):
        work = plan_work(self.plan)
        return work if self.theory else Work(work.runs, [], [])

    def commit(self, done):
        for part in done:
            if isinstance(part.task, MeasureTask):
                self.measured |= part.outcomes
                continue
            found = dict(zip(part.task.points, part.found, strict=True))
            self.problems += [text for text in found.values() if isinstance(text, str)]
            known = {point: f for point, f in found.items() if not isinstance(f, str)}
            (self.expected if isinstance(part.task, PredictTask) else self.bands).update(known)

    def outcomes(self):
        for index, run in enumerate(self.plan.runs):
            outcome = self.measured.get(index, Outcome("interrupted"))
            expected = self.expected.get(run.point, PredictedNumbers())
            asked = self.plan.head.band
            band = self.bands.get(band_point(run, asked.gradient)) if asked.networks else None
            reason = outcome.reason or "; ".join(self.problems)
            yield replace(outcome, reason=reason, expectation=Expectation(expected, band))


def in_memory(plan, *, jobs=1, on_layer=lambda _: None, theory=True):
    """Outcomes of a plan, in order, and whether the sweep was stopped; nothing is saved."""
    kept, engine = Kept(plan, theory=theory), Threads(jobs)
    try:
        with listening() as stop:
            run_tasks(plan, kept, engine, stop, on_layer=on_layer)
    finally:
        engine.close()
    return list(kept.outcomes()), stop.asked


def swept(plan, root, *, jobs=1, fresh=False, **options):
    """The results folder of a plan that was swept in this process."""
    folder = open_for_writing(root, plan.head.name, fresh=fresh)
    try:
        stop = options.pop("stop", Stop())
        run_session(plan, folder, lambda: Threads(jobs), stop, SessionOptions(**options))
    finally:
        folder.close()
    return folder.path


def timeless(path):
    """A results folder's tables without the wall times, the one column that may differ."""
    with (path / "runs.csv").open(newline="") as file:
        runs = [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]
    return runs, (path / "layers.csv").read_bytes()


def csv_texts(plan, outcomes):
    """(runs.csv, layers.csv) of these outcomes, as texts."""
    texts = defaultdict(str)
    for name, text in rows.lines(plan, outcomes):
        texts[name] += text
    return texts[rows.RUNS_CSV], texts[rows.LAYERS_CSV]
