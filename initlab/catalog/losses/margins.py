"""Hinges over the scores of classes: a right class must win by a margin."""

from initlab.catalog.losses.record import WEIGHT, Loss, first, target
from initlab.catalog.table import Parameter

RECORDS = (
    Loss(
        name="multi_margin",
        module="torch.nn:MultiMarginLoss",
        function="torch.nn.functional:multi_margin_loss",
        working="initlab.losslab.formulas.margins:multi_margin",
        operands=(first("input", "(C) or (N, C)", "scores"), target("() or (N)", "classes")),
        parameters=(
            Parameter("p", "power of each hinge", 1, "integer", minimum=1, maximum=2),
            Parameter("margin", "by how much the right class must win", 1.0),
            WEIGHT,
        ),
        task=("multi_class",),
        rules=("score_shapes", "class_weight", "finite", "class_targets"),
        unit="sample",
        bases=("_WeightedLoss", "_Loss"),
        state=("weight",),
        formula="1/C sum_{i != t} w_t max(0, margin - x_t + x_i)^p",
        gradient="for i != t: w_t p max(0, margin - x_t + x_i)^(p-1) / C; for t minus their sum",
        mean="the number of samples; each sample has already been divided by C",
        about="one class of many, by margins; divided by C, unlike the plain hinge",
        source="Weston & Watkins 1999",
        aliases=("multi_margin_loss", "multimarginloss", "multiclass_hinge"),
        target="classes",
        synthetic="the outputs are scores; one class a sample, uniform over the outputs",
        least=(1, 2),
        half=False,
    ),
    Loss(
        name="multilabel_margin",
        module="torch.nn:MultiLabelMarginLoss",
        function="torch.nn.functional:multilabel_margin_loss",
        working="initlab.losslab.formulas.margins:multilabel_margin",
        operands=(first("input", "(C) or (N, C)", "scores"), target("as input", "label_lists")),
        task=("multi_label",),
        rules=("list_shapes", "finite", "label_lists"),
        unit="sample",
        formula="1/C sum_{j in t} sum_{i not in t} max(0, 1 - x_j + x_i)",
        gradient="(number of violated pairs won minus lost) / C",
        mean="the number of samples; each sample has already been divided by C",
        about="many classes of many, by margins; targets are lists of class ids ended by -1",
        source="Crammer & Singer 2003",
        aliases=("multilabel_margin_loss", "multilabelmarginloss"),
        target="label_lists",
        synthetic="the outputs are scores; each class of a sample is right with probability 1/2",
        least=(1, 2),
        half=False,
    ),
)
