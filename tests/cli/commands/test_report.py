"""`initlab report`: from results folders to one page."""

import re

import pytest
from commands import change, initlab


def title(path):
    return re.search(r"<title>(.*?)</title>", path.read_text())[1]


def test_several_folders_make_one_page(parts, tmp_path):
    out = tmp_path / "all.html"
    done = initlab("report", *parts, "--out", out)
    assert (done.exit_code, done.stdout) == (0, "")
    assert re.fullmatch(rf"wrote {re.escape(str(out))} \(\d\.\d MB\)\n", done.stderr)
    assert title(out) == f"{', '.join(part.name for part in parts)} – initlab"
    assert re.findall(r"<h2 .*?>(.*?)</h2>", out.read_text()) == [
        "Together",
        *(part.name for part in parts),
    ]


def test_it_is_written_into_report_html_or_to_stdout(kept, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert initlab("report", kept).exit_code == 0
    piped = initlab("report", kept, "-o", "-")
    assert piped.stdout_bytes == (tmp_path / "report.html").read_bytes()
    assert piped.stderr == ""


def test_a_sweep_that_is_not_published_shows_what_is_finished(kept, tmp_path):
    change(kept, "UPDATE runs SET status = 'todo', reason = '' WHERE number >= 40")
    (kept / "runs.csv").unlink()
    out = tmp_path / "page.html"
    assert initlab("report", kept, "-o", out).exit_code == 0
    assert "Only 40 of 48 runs are finished." in out.read_text()


@pytest.mark.parametrize(
    ("out", "message", "fix"),
    [
        ("{root}", "-o {root}: is a folder", "-o {root}/report.html"),
        ("page.pdf", "-o page.pdf: ends in none of html, htm", "-o page.html"),
        ("/dev/null", "-o /dev/null: ends in none of html, htm", "-o report.html"),
        ("{root}/no/page.html", "-o {root}/no/page.html: there is no folder {root}/no",
         "mkdir -p {root}/no"),
    ],
)  # fmt: skip
def test_what_cannot_be_written_is_said_at_once(kept, root, out, message, fix):
    done = initlab("report", kept, "-o", out.format(root=root))
    assert done.exit_code == 2
    assert done.stderr == f"initlab: {message}\n  fix: {fix}\n".format(root=root)


def test_a_folder_without_results_is_refused_and_no_page_left(tmp_path):
    (tmp_path / "empty").mkdir()
    done = initlab("report", tmp_path / "empty", "-o", tmp_path / "page.html")
    assert done.exit_code == 2
    assert "holds no runs.csv and layers.csv" in done.stderr
    assert not (tmp_path / "page.html").exists()
