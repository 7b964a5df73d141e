"""A results folder: the only code that writes there.

    journal.sqlite      the truth: every run's numbers, a task committed whole or not at all
    runs.csv            a row for every run, published from the journal in the spec's order
    layers.csv          a row for every run and layer, likewise
    spec.yaml           the spec with every default filled in
    provenance.json     versions, machine, command and revision of every sweep that wrote here

`tables.py` is the journal's schema, `journal.py` reads it and `writer.py` writes it; `folder.py` is
a folder to be read, `writable.py` one that is locked; `publish.py` and `parquet.py` write the
files, `check.py` verifies them, `merge.py` joins parts, `adopt.py` takes over what another journal
has.
"""
