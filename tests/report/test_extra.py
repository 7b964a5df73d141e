"""A package that is not installed is one message."""

import sys

import pytest

from initlab.errors import InputError
from initlab.report.extra import extra, require


def test_a_module_of_the_extra_is_imported():
    assert extra("json") is sys.modules["json"]


def test_a_missing_package_names_the_command_that_installs_it():
    with pytest.raises(InputError) as error:
        require("json", "no_such_package.part")
    assert "needs the package no_such_package" in error.value.message
    assert error.value.fix == "pip install 'initlab[plot]'"


def test_a_blocked_package_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "altair", None)
    with pytest.raises(InputError, match="needs the package altair"):
        extra("altair")
