"""What losses are for. To add a task, add a record, and name it in the `task` of its losses."""

from dataclasses import dataclass

from initlab.catalog.table import Record, Table


@dataclass(frozen=True, kw_only=True, eq=False)
class Task(Record):
    """A kind of question that a network answers; `formula` is what its target is.

    The losses for it are those whose record names it.
    """


TASKS = Table(
    "task",
    "tasks",
    Task(
        name="binary",
        about="one label of two: yes or no",
        formula="y in {0, 1}, or {-1, +1}",
        source="Goodfellow et al. 2016, sec. 6.2.2.2",
        aliases=("binary_classification", "yes_or_no"),
    ),
    Task(
        name="multi_label",
        about="several labels at once: yes or no for each of many classes",
        formula="y in {0, 1}^C, or a list of class ids",
        source="Zhang & Zhou 2014",
        aliases=("many_labels",),
    ),
    Task(
        name="multi_class",
        about="one label of many classes",
        formula="y in {0, ..., C - 1}, or a probability for each",
        source="Goodfellow et al. 2016, sec. 6.2.2.3",
        aliases=("classification", "many_classes"),
    ),
    Task(
        name="distribution",
        about="a whole distribution to come near to: distillation, variational inference",
        formula="q_1, ..., q_C >= 0 that sum to 1",
        source="Kullback & Leibler 1951",
        aliases=("distillation",),
    ),
    Task(
        name="regression",
        about="a number, such as a price or a length",
        formula="y in R",
        source="Goodfellow et al. 2016, sec. 6.2.2.1",
    ),
    Task(
        name="counts",
        about="how often something happens",
        formula="y in {0, 1, 2, ...}",
        source="Nelder & Wedderburn 1972",
        aliases=("poisson_regression",),
    ),
    Task(
        name="sequence",
        about="a text from speech or handwriting whose letters nobody has aligned with the frames",
        formula="y_1, ..., y_S of at most T frames",
        source="Graves et al. 2006",
        aliases=("sequences", "speech", "handwriting"),
    ),
    Task(
        name="verification",
        about="whether two are the same: faces, signatures, voices",
        formula="anchor, positive of the same, negative of another",
        source="Schroff, Kalenichenko & Philbin 2015",
        aliases=("face_verification", "faces", "metric_learning"),
    ),
    Task(
        name="embedding",
        about="vectors that are near where things are similar, also from few labels"
        " (semi-supervised)",
        formula="+1 for a similar pair, -1 for another",
        source="Hadsell, Chopra & LeCun 2006; Weston et al. 2008",
        aliases=("similarity", "semi_supervised"),
    ),
    Task(
        name="ranking",
        about="which of two comes first, as in search and recommendation",
        formula="+1 if the first ranks higher, -1 if the second does",
        source="Burges et al. 2005",
        aliases=("learning_to_rank",),
    ),
)
