"""What can be named, measured and found: one read-only table a file, torch-free."""

from initlab.catalog.activations import ACTIVATIONS, Activation
from initlab.catalog.blocks import NORMS, PRESETS, RESIDUALS, Norm, Preset
from initlab.catalog.columns import COLUMNS, Column
from initlab.catalog.inputs import INPUTS, Input
from initlab.catalog.losses import LOSSES, TASKS, Loss, Operand, Task
from initlab.catalog.probe_rules import PROBE_RULES, ProbeRule
from initlab.catalog.rules import ALLOWABLE, RULES, Rule
from initlab.catalog.schemes import BIAS_SCHEMES, SCHEMES, Fans, Scheme
from initlab.catalog.table import Parameter, Record, Table
from initlab.catalog.targets import TARGETS, Target
from initlab.catalog.words import WORDS, Word

#: every table, by the plural that `initlab list` takes
TABLES: dict[str, Table[Record]] = {
    table.plural: table
    for table in (
        SCHEMES,
        ACTIVATIONS,
        RESIDUALS,
        NORMS,
        PRESETS,
        LOSSES,
        TASKS,
        INPUTS,
        TARGETS,
        COLUMNS,
        RULES,
        PROBE_RULES,
        WORDS,
    )
}

#: the table behind every field of a spec that names a record
FIELDS: dict[str, Table[Record]] = {
    "init": SCHEMES,
    "activation": ACTIVATIONS,
    "input": INPUTS,
    "bias": BIAS_SCHEMES,
    "residual": RESIDUALS,
    "norm": NORMS,
    "loss": LOSSES,
    "target": TARGETS,
}

__all__ = [
    "ACTIVATIONS",
    "ALLOWABLE",
    "COLUMNS",
    "FIELDS",
    "INPUTS",
    "LOSSES",
    "NORMS",
    "PRESETS",
    "PROBE_RULES",
    "RESIDUALS",
    "RULES",
    "SCHEMES",
    "TABLES",
    "TARGETS",
    "TASKS",
    "WORDS",
    "Activation",
    "Column",
    "Fans",
    "Input",
    "Loss",
    "Norm",
    "Operand",
    "Parameter",
    "Preset",
    "ProbeRule",
    "Record",
    "Rule",
    "Scheme",
    "Table",
    "Target",
    "Task",
    "Word",
]
