"""What curves of theory are called: a record of the catalog and its options."""

from initlab.catalog.table import Record, Table
from initlab.spec.run import Choice


def named(choice: Choice, table: "Table[Record]") -> str:
    """A record as one types it, with those options that are not its defaults: huber(delta=2)."""
    record = table[choice.name]
    given = [f"{k}={v}" for k, v in choice.items if v != record.defaults.get(k)]
    return record.name + (f"({', '.join(given)})" if given else "")
