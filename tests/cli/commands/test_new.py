"""`initlab new`: a spec to start from, which works as it is and as its comments say."""

import re

import pytest
from typer.testing import CliRunner

from initlab import load_plan
from initlab.cli.app import build
from initlab.cli.commands.new import TEMPLATE
from initlab.spec.model import SpecFile


def initlab(*arguments):
    return CliRunner().invoke(build(), ["new", *map(str, arguments)])


def test_the_new_spec_is_valid_and_named_after_its_file(tmp_path):
    path = tmp_path / "deep_tanh.yaml"
    done = initlab(path)
    assert done.exit_code == 0
    assert done.stdout == ""
    assert f"initlab sweep {path}" in done.stderr
    plan = load_plan(path)
    assert plan.head.name == "deep_tanh"
    assert len(plan.runs) == 2 * 2 * 3


def test_without_a_file_it_goes_to_standard_output(tmp_path):
    done = initlab()
    path = tmp_path / "x.yaml"
    path.write_text(done.stdout)
    assert done.stderr == ""
    assert load_plan(path).head.name == "my_sweep"


def test_its_comments_say_the_defaults(tmp_path):
    """Uncommenting everything that is commented out changes no run."""
    path = tmp_path / "x.yaml"
    text = TEMPLATE.format(name="x")
    path.write_text(text)
    before = load_plan(path)
    path.write_text(re.sub(r"^# (?=[a-z]+: )", "", text, flags=re.MULTILINE))
    after = load_plan(path)
    assert after.runs == before.runs
    assert after.head == before.head


@pytest.mark.parametrize("field", sorted(set(SpecFile.model_fields) - {"about", "cases"}))
def test_every_field_is_in_it(field):
    assert re.search(rf"\b{field}: ", TEMPLATE)


def test_a_dash_is_standard_output(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert initlab("-").stdout == initlab().stdout
    assert not list(tmp_path.iterdir())


def test_an_existing_file_is_left_alone(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("mine")
    done = initlab(path)
    assert done.exit_code == 2
    assert "exists already" in done.stderr
    assert path.read_text() == "mine"


@pytest.mark.parametrize("where", ["none/x.yaml", "file/x.yaml"])
def test_a_file_that_cannot_be_written_is_refused(tmp_path, where):
    (tmp_path / "file").write_text("")
    done = initlab(tmp_path / where)
    assert done.exit_code == 2
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["my sweep.yaml", "a: b.yaml", "größe.yaml", "2024.yaml", "null"])
def test_a_spec_works_whatever_its_file_is_called(tmp_path, name):
    path = tmp_path / name
    done = initlab(path)
    if done.exit_code == 0:
        assert load_plan(path).runs
    else:
        assert done.exit_code == 2
        assert not path.exists()
