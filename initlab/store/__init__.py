"""A results folder: the only code that writes there.

    journal.sqlite      the truth: every run's numbers, a task committed whole or not at all
    runs.csv            a row for every run, published from the journal in the spec's order
    layers.csv          a row for every run and layer, likewise
    spec.yaml           the spec with every default filled in
    provenance.json     versions, machine, command and revision of every sweep that wrote here

`tables.py` is the journal's schema, `journal.py` reads and writes it, `folder.py` opens and locks
folders, `publish.py` writes the files, `check.py` verifies them, `merge.py` joins parts.
"""
