"""A results folder: the only code that writes there.

    journal.sqlite      the truth: every run's numbers, a task committed whole or not at all
    runs.csv            a row for every run, published from the journal in the spec's order
    layers.csv          a row for every run and layer, likewise
    spec.yaml           the spec with every default filled in
    provenance.json     versions, machine, command and revision of every sweep that wrote here

`work.py` says what a plan asks for and `outcome.py` what came of it, `identity.py` and
`provenance.py` under which name and from where. `tables.py` is the journal's schema, `journal.py`
reads it, `writer.py` writes it, `recorder.py` keeps what a session of a sweep computes, `damage.py`
says what can be wrong with it. `files.py` names the files, `disk.py` makes their names last, and
`temporary.py` makes folders that do not. `folder.py` is a folder to be read, `writable.py` one to
be written: `opening.py` makes or finds it, `lock.py` locks it, `anchor.py` finds it again when it
is moved. `rows.py` makes lines of CSV, `floats.py` the text of numbers in them, `publish.py` and
`parquet.py` write the files, `read.py` reads them back, `check.py` verifies them, `merge.py` joins
parts, `adopt.py` takes over what another journal has.
"""
