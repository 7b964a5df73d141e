"""How fast is initlab? Ratios to what one would use instead, measured side by side in one run.

    make bench                        # everything, some ten minutes
    make bench ONLY="grid seeds"      # parts of it
    python -m benchmarks --rounds 1   # a quick look

What runs (`python -m benchmarks --list` prints the parts):

- `workloads`: the sweeps that are timed
- `references`: what one would write by hand, (a) and (b), and `processes` of (b), which is (c)
- `plain_script`, `hydra_app`: (a) as a whole process, and under Hydra's multirun, (d)
- `equality`: nothing is timed before initlab and the references give the same statistics

How it is measured: `sweeping` calls initlab, `timing` takes turns, `table` prints, `machine` says
where. docs/performance.md has the method and the results.
"""
