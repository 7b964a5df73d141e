"""Losses of classes, of yes or no and of distributions, as other libraries name them."""

from initlab.catalog.losses.foreign.record import differs, none, same

CLASSES_LAST = "classes are last there: --class-dim -1 where there are more dimensions than two"
PROBABILITIES = (
    "Keras's takes probabilities by default, and so --from probs is set; --from logits for its"
    " from_logits=True"
)
LOGITS = "loss -n bce_with_logits -i '[0.5,-1]' -t '[1,0]' -r none"
CLASSES = "loss -n cross_entropy -i '[[2,0.5,0.1]]' -t '[0]'"

CLASSIFICATIONS = (
    differs(
        "categorical_crossentropy", "Keras", "cross_entropy",
        f"{PROBABILITIES}, and one-hot targets, which cross_entropy takes beside class ids;"
        f" {CLASSES_LAST}",
        given="probs",
    ),
    differs(
        "sparse_categorical_crossentropy", "Keras", "cross_entropy",
        f"{PROBABILITIES}; {CLASSES_LAST}",
        given="probs",
    ),
    same(
        "softmax_cross_entropy softmax_cross_entropy_with_logits safe_softmax_cross_entropy",
        "optax TensorFlow", "cross_entropy", f"not averaged there: -r none; {CLASSES_LAST}",
    ),
    same(
        "softmax_cross_entropy_with_integer_labels sparse_softmax_cross_entropy_with_logits"
        " sparse_softmax_cross_entropy",
        "optax TensorFlow", "cross_entropy", f"not averaged there: -r none; {CLASSES_LAST}",
    ),
    differs(
        "log_loss", "scikit-learn", "bce",
        "the same of the probability of yes; of a row for each sample, as predict_proba gives it"
        " for two classes, too, it is -n cross_entropy --from probs",
    ),
    differs(
        "negative_log_likelihood neg_log_likelihood", "", "nll",
        "nll takes log-probabilities; scores without a softmax are for -n cross_entropy",
    ),
    same("binary_crossentropy", "Keras", "bce", "Keras clips probabilities by 1e-7, torch logs"),
    same(
        "sigmoid_binary_cross_entropy sigmoid_cross_entropy_with_logits sigmoid_cross_entropy",
        "optax TensorFlow", "bce_with_logits", "not averaged there: -r none",
    ),
    differs(
        "weighted_cross_entropy_with_logits", "TensorFlow", "bce_with_logits",
        "the weight of the positives is -o pos_weight='[2]'",
    ),
    differs(
        "kl_divergence kullback_leibler_divergence kullback_leibler", "Keras optax", "kl_div",
        "theirs sums over the classes: -r batchmean; Keras's takes probabilities (--from probs),"
        " optax's log-probabilities as kl_div does",
    ),
    differs(
        "kl_divergence_with_log_targets", "optax", "kl_div",
        "the target is log-probabilities, too: -o log_target=true -r batchmean",
    ),
    none(
        "focal_loss sigmoid_focal_loss binary_focal_loss binary_focal_crossentropy",
        "Keras optax torchvision",
        "it is bce_with_logits, each value weighted by (1 - p)^gamma, p the probability given to"
        " the right answer",
        LOGITS,
    ),
    none(
        "categorical_focal_crossentropy categorical_focal_loss", "Keras",
        "it is cross_entropy, each value weighted by (1 - p)^gamma, p the probability of the"
        " right class",
        CLASSES,
    ),
    none(
        "dice_loss dice dice_coefficient soft_dice_loss binary_dice_loss tversky_loss"
        " jaccard_loss iou_loss lovasz_loss",
        "Keras optax", "it compares areas, 1 - 2 sum(p t) / (sum p + sum t) for dice; of each"
        " pixel alone the loss is bce_with_logits", LOGITS,
    ),
    none("perplexity", "", "it is e to the power of cross_entropy", CLASSES),
    none(
        "poly_loss_cross_entropy poly_loss", "optax",
        "it is cross_entropy plus epsilon (1 - p), p the probability of the right class", CLASSES,
    ),
    none(
        "zero_one_loss hamming_loss", "scikit-learn",
        "it counts errors and has no slope; what is trained in its place is cross_entropy", CLASSES,
    ),
    none(
        "jensen_shannon_divergence js_divergence jensen_shannon jsd", "",
        "initlab entropy has it, as JS", "entropy --p 0.5,0.5 --q 0.1,0.9",
    ),
    none(
        "AdaptiveLogSoftmaxWithLoss", "torch",
        "it is a layer with weights of its own; the loss after it is nll",
        "loss -n nll -i '[[-0.2231,-1.6094]]' -t '[0]'",
    ),
)  # fmt: skip
