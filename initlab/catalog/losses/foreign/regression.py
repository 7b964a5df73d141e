"""Losses of numbers and counts, as other libraries name them."""

from initlab.catalog.losses.foreign.record import differs, none, same

REGRESSION = "-i '[1,2.5]' -t '[1.5,2]'"

REGRESSIONS = (
    same("mean_squared_error mse", "Keras scikit-learn", "mse"),
    same("squared_error", "optax", "mse", "not averaged there: -r none"),
    differs(
        "l2_loss", "optax TensorFlow", "mse",
        "mse has no factor of 1/2, as theirs has; optax's is not averaged (-r none),"
        " TensorFlow's is the sum, of one tensor",
    ),
    same("mean_absolute_error mae absolute_error", "Keras scikit-learn", "l1"),
    same("huber", "Keras TensorFlow optax", "huber", "optax's is not averaged: -r none"),
    same("log_poisson_loss", "TensorFlow", "poisson_nll", "not averaged there: -r none"),
    differs(
        "poisson poisson_loss", "Keras", "poisson_nll",
        "Keras's takes rates, poisson_nll their logarithms: --no-log-input for rates",
    ),
    differs(
        "brier_score_loss brier_score brier", "scikit-learn", "mse",
        "the same for yes or no, as probability and 0 or 1; of more classes theirs is a sum",
    ),
    none(
        "rmse root_mean_squared_error", "scikit-learn", "it is the square root of mse",
        f"loss -n mse {REGRESSION}",
    ),
    none(
        "log_cosh", "Keras optax",
        "it is near to huber, (x - t)^2/2 at 0 and |x - t| - 0.693 far from it",
        f"loss -n huber {REGRESSION}",
    ),
    none(
        "mean_squared_logarithmic_error mean_squared_log_error msle", "Keras scikit-learn",
        "it is mse of ln(1 + x) and ln(1 + t)",
        "loss -n mse -i '[0.693,1.253]' -t '[0.916,1.099]'",
    ),
    none(
        "mean_absolute_percentage_error mape", "Keras scikit-learn",
        "it is l1, each value divided by |t|; Keras's times 100",
        f"loss -n l1 {REGRESSION} -r none",
    ),
    none(
        "pinball_loss mean_pinball_loss quantile_loss quantile", "scikit-learn",
        "it is q (t - x) below the target and (1 - q)(x - t) above; at q = 0.5 half of l1",
        f"loss -n l1 {REGRESSION}",
    ),
    none(
        "mean_poisson_deviance poisson_deviance", "scikit-learn",
        "it is twice poisson_nll of rates, up to terms of the target alone",
        "loss -n poisson_nll -i '[1,2.5]' -t '[1,2]' --no-log-input",
    ),
)  # fmt: skip
