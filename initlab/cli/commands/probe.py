"""`initlab probe`: any model of torch, measured before training."""

from initlab.cli import output
from initlab.cli import probe_options as options
from initlab.errors import ChecksFailed


def probe(
    target: options.Target,
    input_: options.Inputs = None,
    batch: options.Batch = "",
    kwargs: options.Kwargs = "",
    loss: options.Loss = "none",
    loss_target: options.LossTarget = "",
    output_: options.Output = "",
    checkpoint: options.Checkpoint = None,
    seeds: options.Seeds = 3,
    mode: options.Mode = "train",
    dtype: options.Dtype = None,
    autocast: options.Autocast = None,
    level: options.Level = None,
    select: options.Select = None,
    ignore: options.Ignore = None,
    fix: options.Fix = False,
    out: options.Out = None,
    fail_on: options.FailOn = "",
    golden: options.Golden = None,
    update_golden: options.UpdateGolden = False,
    tolerance: options.Tolerance = 0.1,
    junit: options.Junit = None,
    sarif: options.Sarif = None,
    format_: output.FormatOption = None,
) -> None:
    """Measure your own model at initialisation: where does its signal die, and why?

    Importing TARGET runs your code, as no other command does. It runs the model forward and
    backward once in each seed, looks for what makes training fail, and says what mends it.

    Examples:
    initlab probe model.py:build --input 16x3x32x32

    initlab probe pkg.models:GPT --input tokens:50257:4x128 --level modules

    initlab probe model.py:build --input 64x784 --loss cross_entropy --fix -o probe.html

    initlab probe model.py:build --batch batch --fail-on warning --junit probe.xml

    initlab probe model.py:build --batch batch --golden probe.json --update-golden
    """
    from initlab.cli import probe_checks
    from initlab.cli.probe_files import Files, changes, failures
    from initlab.cli.probe_output import show, ticking

    chosen = [
        probe_checks.rules_of(texts, option)
        for texts, option in ((select, "--select"), (ignore, "--ignore"))
    ]
    failing = probe_checks.failing_of(fail_on)
    files = Files(out or (), junit, sarif, golden, update_golden, tolerance)
    kept = files.check()
    with ticking() as tick:
        from initlab.probe.run import probe_target

        found = probe_target(
            target, inputs=input_ or (), batch=batch, kwargs=kwargs, loss=loss,
            loss_target=loss_target, output=output_, checkpoint=str(checkpoint or ""),
            seeds=seeds, mode=mode, dtype=dtype or "", autocast=autocast or "",
            select=chosen[0], ignore=chosen[1], fix=fix, tick=tick,
        )  # fmt: skip
    files.write(found, failures(found, failing))
    show(found, level, format_)
    complaints = [str(finding) for finding in failing.of(found)]
    complaints += changes(found, kept, tolerance)
    if complaints:
        raise ChecksFailed("\n".join(complaints))
