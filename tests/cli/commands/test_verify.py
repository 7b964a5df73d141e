"""`initlab verify`: what it says of a sound folder, and of one whose files were changed."""

import pytest
from commands import RUNS, initlab, rows


def test_a_sound_folder_is_said_to_be(kept):
    done = initlab("verify", kept)
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == f"kept: sound; {RUNS} runs ok, 0 failed, 0 to do\n"


DAMAGE = {
    "a digit": ("layers.csv", lambda text: text[:9000] + "9" + text[9001:]),
    "a row twice": ("runs.csv", lambda text: text + text.splitlines(True)[-1]),
    "a row less": ("runs.csv", lambda text: "".join(text.splitlines(True)[:-1])),
    "two rows changed": ("runs.csv", lambda text: "\n".join(reversed(text.split("\n")))),
    "empty": ("layers.csv", lambda _: ""),
    "other lines": ("runs.csv", lambda text: text.replace("\n", "\r\n")),
    "spec": ("spec.yaml", lambda text: text.replace("width: 20", "width: 21")),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_changed_file_is_found_and_exported_again(kept, damage):
    name, changed = DAMAGE[damage]
    before = (kept / name).read_text()
    (kept / name).write_text(changed(before), newline="")
    done = initlab("verify", kept)
    assert done.exit_code == 1
    (row,) = rows(done.stdout)
    assert (row["spec"], row["file"]) == ("kept", name)
    assert f"fix: initlab export {kept}" in done.stderr
    assert initlab("export", kept).exit_code == 0
    assert (kept / name).read_text() == before
    assert initlab("verify", kept).exit_code == 0
