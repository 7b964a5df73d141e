"""Tasks as they are done: in any thread, none before the process is ready."""

import threading
import time
from functools import cache

from initlab.spec.shares import Share
from initlab.store.work import MeasureTask
from initlab.sweep import tasks


def test_no_thread_computes_before_the_process_is_ready(plan_of, monkeypatch):
    """A vector library whose first call two threads make at once may answer one of them wrongly."""
    events = []

    @cache
    def slow():
        events.append("begun")
        time.sleep(0.05)
        events.append("ready")

    def measured(share, tick):
        events.append("measured")
        return {}

    monkeypatch.setattr(tasks, "_prepare", slow)
    monkeypatch.setattr(tasks, "_measured", measured)
    task = MeasureTask(Share(((0, plan_of().runs[0]),)))
    threads = [threading.Thread(target=tasks.run_task, args=(task,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert events == ["begun", "ready", *["measured"] * 4]
