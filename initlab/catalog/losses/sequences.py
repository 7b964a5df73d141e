"""Losses over sequences whose alignment is not known."""

from initlab.catalog.losses.record import Loss, Operand, first, target
from initlab.catalog.table import Parameter

RECORDS = (
    Loss(
        name="ctc",
        module="torch.nn:CTCLoss",
        function="torch.nn.functional:ctc_loss",
        working="initlab.losslab.formulas.sequences:ctc",
        substitution="initlab.losslab.explain.sequences:substitute_ctc",
        verdicts="initlab.losslab.explain.sequences:judge_alignments",
        section="initlab.report.figures.sections:ALIGNMENTS",
        details="initlab.losslab.explain.sequences:alignment_table",
        operands=(
            first("log_probs", "(T, N, C) or (T, C)", "log_probs"),
            target("(N, S), their concatenation, or (S)", "labels", "targets"),
            Operand("input_lengths", "(N) or ()", "lengths", filled=True),
            Operand("target_lengths", "(N) or ()", "lengths", filled=True),
        ),
        parameters=(
            Parameter(
                "blank", "class id of the blank; C-1 if it is the last", 0, "integer", minimum=0
            ),
            Parameter("zero_infinity", "count impossible samples as 0", False, "flag"),
        ),
        task=("sequence",),
        checks=("ctc_shapes", "ctc_lengths", "ctc_labels", "finite", "log_probs", "ctc_alignable"),
        gradient_by_scores=True,
        harmless=frozenset({"not-log-prob", "non-finite", "ctc-too-short"}),
        class_dim=-1,
        unit="sequence",
        formula="-log sum over alignments of prod_t y_t[path_t]",
        gradient="e^x - P(frame emits class | target): by the scores before log_softmax",
        mean="each loss by its own target length (at least 1), then by the number of sequences",
        about="a label sequence from frames, summed over all alignments with blanks",
        source="Graves et al. 2006",
        aliases=("ctc_loss", "ctcloss"),
        adapter="frames",
        target="transcript",
        synthetic="log_softmax of the outputs, the batch read as one sequence of frames; "
        "batch/2 labels, uniform over the classes but the blank",
        least=(2, 2),
        half=False,
    ),
)
