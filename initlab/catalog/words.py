"""Words of the field that no other table explains: a small glossary for `describe`."""

from dataclasses import dataclass

from initlab.catalog.table import Record, Table

#: what every nn.Module is made of; torch has added more over the years
MODULE_DICTIONARIES = (
    ("_parameters", "tensors that training changes; a plain loss has none"),
    ("_buffers", "tensors that move and are saved with it but are not trained: the class weights"),
    ("_modules", "modules inside of it, by name"),
    ("_backward_hooks", "functions called with the gradients, after the backward pass"),
    ("_forward_hooks", "functions called with input and output, after forward"),
    ("_forward_pre_hooks", "functions called with the input, before forward"),
    ("_state_dict_hooks", "functions called when it is saved"),
    ("_load_state_dict_pre_hooks", "functions called before it is loaded"),
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Word(Record):
    """A word: `details` are (what, text) that belong to it, `see` names and commands beside it."""

    details: tuple[tuple[str, str], ...] = ()
    see: tuple[str, ...] = ()


WORDS = Table(
    "word",
    "words",
    Word(
        name="loss",
        about="how wrong one prediction is: of one sample, as reduction none gives it",
        formula="L_i = loss(f(x_i), y_i)",
        source="Goodfellow et al. 2016, sec. 4.3",
        aliases=("loss_function", "criterion"),
        see=("cost", "objective", "initlab list losses", "initlab list tasks"),
    ),
    Word(
        name="cost",
        about="the mean of the losses over the data; reduction mean is that of one batch",
        formula="J = (1/n) sum_i L_i",
        source="Goodfellow et al. 2016, sec. 8.1",
        aliases=("cost_function", "empirical_risk"),
        see=("loss", "objective", "reduction"),
    ),
    Word(
        name="objective",
        about="what training minimises: the cost plus regularisation, such as weight decay",
        formula="J + lambda R(W); of weight decay R = |W|^2 / 2",
        source="Goodfellow et al. 2016, sec. 7.1",
        aliases=(
            "objective_function",
            "regularisation",
            "regularization",
            "weight_decay",
        ),
        see=("loss", "cost"),
    ),
    Word(
        name="reduction",
        about="how the losses of a batch become one number, or do not",
        formula="none: L_i; sum: sum_i L_i; mean: (1/n) sum_i L_i",
        source="PyTorch, torch.nn.modules.loss",
        details=(
            ("none", "a value for every sample, or for every number of it"),
            ("sum", "their sum: grows with the batch, and so does the gradient"),
            (
                "mean",
                "the sum divided by the number of values; with class weights by their sum over the"
                " targets, of cross_entropy and nll",
            ),
            ("batchmean", "of kl_div: the sum divided by the batch, which is the true KL"),
        ),
        see=("loss", "cost", "kl_div"),
    ),
    Word(
        name="module",
        about="what a loss is in torch: a class that keeps its options and calls a function",
        formula="CrossEntropyLoss -> _WeightedLoss -> _Loss -> Module",
        source="PyTorch, torch.nn.modules.module and loss",
        aliases=("_Loss", "_WeightedLoss", "nn.Module", "torch.nn.Module"),
        details=(
            (
                "Module",
                "keeps all that it has in dictionaries: the eight that follow, and in torch 2.13"
                " six more of hooks",
            ),
            *MODULE_DICTIONARIES,
            ("_Loss", "a Module with reduction: none, sum or mean"),
            ("_WeightedLoss", "a _Loss with the class weights as its buffer: weight"),
            (
                "forward",
                "calls the function of torch.nn.functional with input, target and the options;"
                " CrossEntropyLoss calls F.cross_entropy",
            ),
        ),
        see=("cross_entropy", "reduction"),
    ),
    Word(
        name="gain",
        about="what weights are multiplied by to make up for what the activation takes away",
        formula="gain = std(z) / std(phi(z)); Var W = gain^2 / fan",
        source="PyTorch, torch.nn.init.calculate_gain; He et al. 2015",
        aliases=("gains", "calculate_gain"),
        details=(
            ("ratio", "of standard deviations, not of variances as some texts have it"),
            (
                "calculate_gain",
                "a table of conventions: tanh 5/3 = 1.6667, where the ratio is 1.5925 for"
                " z ~ N(0, 1); relu sqrt(2), which keeps the second moment; selu 3/4",
            ),
            ("leaky_relu", "takes its slope as param: sqrt(2 / (1 + slope^2))"),
            ("in a spec", "init: {scheme: xavier_uniform, gain: tanh}, a number, or auto"),
        ),
        see=("initlab gain", "fan", "xavier_uniform", "kaiming_normal"),
    ),
    Word(
        name="fan",
        about="how many inputs (fan_in) a neuron has, or outputs (fan_out) an input feeds",
        formula="of nn.Linear's weight, shape (fan_out, fan_in): columns and rows",
        source="He et al. 2015, sec. 2.2",
        aliases=("fans", "fan_mode", "mode"),
        details=(
            ("mode", "Kaiming's choice: fan_in steadies the forward pass, fan_out the backward"),
            ("Xavier", "takes their mean: Var W = 2 gain^2 / (fan_in + fan_out)"),
        ),
        see=("fan_in", "fan_out", "kaiming_normal", "xavier_normal"),
    ),
    Word(
        name="standard_deviation",
        about="how far values lie from their mean; std. Its square is the variance",
        formula="std = sqrt(sum (x - mean)^2 / (n - 1)); rms = sqrt(mean of x^2) is not centred",
        source="PyTorch, torch.std",
        aliases=("variance", "deviation"),
        see=("std", "rms"),
    ),
    Word(
        name="seed",
        about="the number that all random draws of a run follow from: weights, input and target",
        formula="seeds: 5 in a spec is 0, 1, 2, 3, 4",
        source="initlab",
        aliases=("random_seed",),
        see=("seeds", "draws"),
    ),
    Word(
        name="bias",
        about="added to the weighted inputs of a neuron; docs/course.md has networks without",
        formula="z = W h + b",
        source="Goodfellow et al. 2016, sec. 6.1",
        see=("bias_grad_std", "sigma_w"),
    ),
    Word(
        name="sigma_w",
        about="scales of weights (sigma_w) and biases (sigma_b) that do not depend on the width",
        formula="Var W = sigma_w^2 / fan_in; Var b = sigma_b^2",
        source="Poole et al. 2016, sec. 2",
        aliases=("sigma_b",),
        see=("gain", "edge_of_chaos", "initlab critical", "initlab phase"),
    ),
    Word(
        name="edge_of_chaos",
        about="scales at which gradients neither grow nor shrink, so that depth costs least",
        formula="chi_1 = sigma_w^2 E phi'(sqrt(q) z)^2 = 1",
        source="Poole et al. 2016; Schoenholz et al. 2017",
        aliases=("criticality", "critical"),
        details=(
            ("ordered phase", "chi_1 < 1: gradients vanish, all samples become alike"),
            ("chaotic phase", "chi_1 > 1: gradients explode, near samples come apart"),
        ),
        see=("chi_1", "depth_scale", "initlab critical", "initlab phase", "initlab recommend"),
    ),
    Word(
        name="depth_scale",
        about="over how many layers what a signal says is lost; xi_c, inf on the edge of chaos",
        formula="xi_c = -1 / ln(slope of the correlation map); depth up to 6 xi_c trains",
        source="Schoenholz et al. 2017, eq. 9",
        aliases=("xi",),
        see=("xi_c", "edge_of_chaos"),
    ),
    Word(
        name="logits",
        about="scores before sigmoid or softmax: any numbers, not probabilities",
        formula="p = sigmoid(x), or softmax(x) = e^x / sum e^x",
        source="Goodfellow et al. 2016, sec. 6.2.2.2",
        aliases=("logit", "scores"),
        see=("bce_with_logits", "cross_entropy"),
    ),
    Word(
        name="onset",
        about="the first layer at which something happens, counted from 0: nan_onset",
        formula="min l with std_l = nan",
        source="initlab",
        see=("nan_onset", "predicted_nan_onset"),
    ),
    Word(
        name="verdict",
        about="what becomes of signal and gradient, in a word: steady, vanishing, exploding, nan",
        formula="r < 1e-3: vanishing; r > 1e3: exploding; else steady",
        source="initlab",
        aliases=("verdicts", "steady", "vanishing", "exploding"),
        details=(
            ("forward", "r = std_last / std_first"),
            ("backward", "r = grad_std_first / grad_std_last"),
            ("limits", "are those of thresholds in a spec"),
        ),
        see=("forward_verdict", "backward_verdict", "thresholds"),
    ),
    Word(
        name="forward_ratio",
        about="how much larger the signal is at the last layer than at layer 0; a verdict's r",
        formula="std_last / std_first",
        source="initlab",
        see=("std_last", "std_first", "verdict", "forward_verdict", "initlab plot"),
    ),
    Word(
        name="backward_ratio",
        about="how much larger the gradient is at layer 0 than at the last; a verdict's r",
        formula="grad_std_first / grad_std_last",
        source="initlab",
        aliases=("gradient_ratio", "grad_ratio"),
        details=(("ratio", "is what a table calls it"),),
        see=(
            "grad_std_first",
            "grad_std_last",
            "verdict",
            "backward_verdict",
            "predicted_grad_std",
        ),
    ),
    Word(
        name="band",
        about="between which values a layer's std lies in 80 % of networks of this width",
        formula="[predicted_std_p10, predicted_std_p90]",
        source="initlab",
        see=("predicted_std_p10", "predicted_std_p90", "surprise"),
    ),
    Word(
        name="self_information",
        about="how surprising an outcome is: nothing if certain, without bound if impossible",
        formula="-log p",
        source="Shannon 1948",
        aliases=("surprisal",),
        see=("entropy", "initlab entropy"),
    ),
    Word(
        name="entropy",
        about="expected self-information; of two outcomes at most ln 2 = 0.6931, at p = 1/2",
        formula="H(P) = -sum p log p",
        source="Shannon 1948",
        details=(
            ("cross-entropy", "H(P, Q) = -sum p log q = H(P) + KL(P||Q), of a model Q"),
            ("KL(P||Q)", "sum p log(p/q) >= 0; not symmetric"),
            ("JS", "(KL(P||M) + KL(Q||M))/2 with M = (P + Q)/2; symmetric, at most ln 2"),
        ),
        see=("self_information", "cross_entropy", "kl_div", "initlab entropy"),
    ),
)
