"""The tree of errors: what its picture says of each class is so."""

import importlib
import pkgutil
import re

import pytest

import initlab
from initlab import errors
from initlab.errors import InitlabError

FAULTS = {"initlab": {3}, "the user": {2}, "the machine": {1, 74}, "nobody": {1, 4, 130}}


def all_of(root):
    return [root, *(found for child in root.__subclasses__() for found in all_of(child))]


@pytest.fixture(scope="module")
def classes():
    """Every class of the tree, in whatever module it stands."""
    for module in pkgutil.walk_packages(initlab.__path__, "initlab."):
        if module.name != "initlab.native._native":  # C, which is no module of Python
            importlib.import_module(module.name)
    return all_of(InitlabError)


def test_the_picture_is_the_tree():
    line = re.compile(r"^    ([|` ]*)(?:-- )?(\w+) +(\d+)  (initlab|the \w+|nobody) ", re.MULTILINE)
    drawn = [(found[2], int(found[3]), found[4]) for found in line.finditer(errors.__doc__)]
    ours = [c for c in all_of(InitlabError) if c.__module__ == "initlab.errors"]
    assert drawn == [(c.__name__, c.exit_code, c.fault) for c in ours]


def test_every_class_says_whose_fault_it_is_and_ends_accordingly(classes):
    assert len(classes) > len(errors.__doc__.split("--"))  # those of other modules, too
    for found in classes:
        assert found.exit_code in FAULTS[found.fault], found


def test_only_a_bug_is_initlab_s_fault(classes):
    assert [c for c in classes if c.fault == "initlab"] == [InitlabError]
