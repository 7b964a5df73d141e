"""What a spec can name. One read-only table a file, torch-free; one edit adds a thing."""

from initlab.catalog.activations import ACTIVATIONS, Activation
from initlab.catalog.columns import COLUMNS, Column
from initlab.catalog.inputs import INPUTS, Input
from initlab.catalog.losses import ALLOWABLE, LOSSES, TASKS, Loss, Operand
from initlab.catalog.schemes import SCHEMES, Fans, Scheme
from initlab.catalog.table import Parameter, Record, Table

#: every table, by the plural that `initlab list` takes
TABLES: dict[str, Table[Record]] = {
    table.plural: table for table in (SCHEMES, ACTIVATIONS, LOSSES, INPUTS, COLUMNS)
}

__all__ = [
    "ACTIVATIONS",
    "ALLOWABLE",
    "COLUMNS",
    "INPUTS",
    "LOSSES",
    "SCHEMES",
    "TABLES",
    "TASKS",
    "Activation",
    "Column",
    "Fans",
    "Input",
    "Loss",
    "Operand",
    "Parameter",
    "Record",
    "Scheme",
    "Table",
]
