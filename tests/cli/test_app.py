"""The application: every command in one panel of the help, with a line that says what it does."""

import pytest
import typer.main
from typer.testing import CliRunner

from initlab.cli.app import COMMANDS, GROUPS, build

BUILT = typer.main.get_command(build()).commands
PANELS = ["Sweeps and results", "Your own model", "Pictures", "Theory", "Loss lab", "Look up"]


def panels():
    """Command -> panel, as the help of 100 columns shows them."""
    text = CliRunner().invoke(build(), ["--help"], env={"COLUMNS": "100"}).stdout
    found, panel = {}, ""
    for line in text.splitlines():
        if line.startswith("╭─ "):
            panel = line.strip("╭─╮ ")
        elif panel and line.startswith("│ ") and not line.startswith("│  "):
            found[line.split()[1]] = panel
    return found


def test_every_command_is_in_one_group():
    assert list(GROUPS) == PANELS
    assert len(set(COMMANDS)) == len(COMMANDS)
    assert [name for commands in GROUPS.values() for name in commands] == COMMANDS
    assert {*COMMANDS} == {*BUILT}


@pytest.mark.parametrize(("group", "name"), [(g, n) for g, c in GROUPS.items() for n in c])
def test_help_lists_a_command_in_the_panel_of_its_group(group, name):
    assert BUILT[name].rich_help_panel == group
    assert panels()[name] == group


def test_nothing_is_in_a_panel_without_a_name():
    assert "Commands" not in panels().values()
    used = {group for group, commands in GROUPS.items() if commands}
    assert set(panels().values()) - {"Options"} == used
