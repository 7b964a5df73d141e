"""What several tests of the probe use."""

import re
import sys

import pytest

TEMPORARY = "/pytest-of-"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty current folder; what is imported from it, and `sys.path`, are as before after."""
    monkeypatch.chdir(tmp_path)
    # what other tests of this process imported from their folders may have the same names
    monkeypatch.setattr(sys, "path", [path for path in sys.path if TEMPORARY not in path])
    for name, module in list(sys.modules.items()):
        if TEMPORARY in str(getattr(module, "__file__", "")):
            monkeypatch.delitem(sys.modules, name)
    before = dict(sys.modules)

    def write(**files):
        for name, source in files.items():
            name = re.sub("(?<=[a-z0-9])__(?=_*[a-z])", "/", name)  # pkg____init__, pkg__net
            path = tmp_path / f"{name}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source)
        return tmp_path

    yield write
    for name in set(sys.modules) - set(before):
        file = getattr(sys.modules[name], "__file__", None) or ""
        paths = [file, *map(str, getattr(sys.modules[name], "__path__", ()))]
        if any(str(path).startswith(str(tmp_path)) for path in paths):
            del sys.modules[name]
    sys.path_importer_cache.clear()
