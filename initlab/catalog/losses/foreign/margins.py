"""Losses with margins and of similarities, as other libraries name them."""

from initlab.catalog.losses.foreign.record import differs, none

HINGE = "loss -n margin_ranking --input1 '[0.3,-2]' --input2 '[0,0]' -t '[1,-1]' -o margin=1"
MULTI_MARGIN = "loss -n multi_margin -i '[[0.1,0.9,0.3]]' -t '[1]'"
CLASSES = "loss -n cross_entropy -i '[[2,0.5,0.1]]' -t '[0]'"

MARGINS = (
    none(
        "hinge hinge_loss", "Keras scikit-learn optax",
        "max(0, 1 - t x) is margin_ranking of the scores against zeros with margin=1, targets +1"
        " and -1 (Keras also takes 0 for -1); scikit-learn's of several classes takes the worst"
        " class, multi_margin their sum divided by the number of classes",
        HINGE,
    ),
    none(
        "squared_hinge squared_hinge_loss", "Keras",
        "it is the square of each value of the hinge, margin_ranking against zeros with margin=1",
        f"{HINGE} -r none",
    ),
    none(
        "perceptron_loss perceptron", "optax",
        "max(0, -t x) is margin_ranking of the scores against zeros with margin=0",
        HINGE.replace("margin=1", "margin=0"),
    ),
    none(
        "categorical_hinge", "Keras",
        "it takes the worst of the wrong classes, multi_margin their sum divided by the number"
        " of classes",
        MULTI_MARGIN,
    ),
    differs(
        "multiclass_hinge_loss", "optax", "multi_margin",
        "theirs takes the worst of the wrong classes, multi_margin their sum divided by the"
        " number of classes",
    ),
)  # fmt: skip

SIMILARITIES = (
    differs(
        "cosine_similarity cosine_proximity", "Keras optax torch", "cosine_embedding",
        "with --target 1 it is 1 - cos of --input1 and --input2, where Keras's is -cos, and"
        " optax's and torch's function cos",
    ),
    differs(
        "cosine_distance", "optax TensorFlow", "cosine_embedding",
        "the same with --target 1, 1 - cos of --input1 and --input2",
    ),
    differs(
        "triplet_margin_loss", "optax", "triplet_margin",
        "eps stands elsewhere in it: they differ by about as much as eps",
    ),
    none(
        "triplet_semihard_loss triplet_hard_loss", "TensorFlow",
        "it picks the triplets of a batch itself; of triplets that are picked it is"
        " triplet_margin",
        "loss -n triplet_margin --anchor '[[0,0]]' --positive '[[0,1]]' --negative '[[1,1]]'",
    ),
    none(
        "contrastive_loss contrastive", "TensorFlow",
        "it is d^2 of a like pair and max(0, margin - d)^2 of another, d the distance;"
        " hinge_embedding is the same without the squares",
        "loss -n hinge_embedding -i '[0.3,0.6]' -t '[1,-1]'",
    ),
    none(
        "info_nce nt_xent ntxent simclr_loss clip_loss supcon_loss supervised_contrastive_loss",
        "optax",
        "it is cross_entropy of the similarities divided by the temperature, a row for each"
        " sample, its target the column of the positive",
        "loss -n cross_entropy -i '[[9,1],[2,8]]' -t '[0,1]'",
    ),
    none(
        "circle_loss circle arcface arcface_loss cosface cosface_loss", "Keras",
        "it is cross_entropy or a softplus of cosines that a margin was taken from; torch has"
        " that of the cosines as they are",
        CLASSES,
    ),
    none(
        "ranking_softmax_loss listnet_loss", "optax",
        "it compares whole lists, cross_entropy of scores and relevances; of pairs it is"
        " margin_ranking",
        "loss -n margin_ranking --input1 '[0.3,2]' --input2 '[0.1,3]' -t '[1,1]'",
    ),
    differs(
        "ctc", "Keras TensorFlow optax", "ctc",
        "theirs takes logits (--from logits), Keras's and optax's with the batch first"
        " (--batch-first), and divides by no lengths (-r none)",
    ),
)  # fmt: skip
