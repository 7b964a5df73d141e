"""The compiled library: there where it can be, and of one mind on all processors."""

import ctypes
import importlib.machinery
import runpy
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from initlab import native
from initlab.network import compiled_sums, torch_sums
from initlab.network.scratch import Scratch

SOURCES = sorted(Path(native.__file__).parent.glob("*.c"))
COMPILER = shutil.which("cc")
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="no C compiler")


def compiled(*options):
    subprocess.run([COMPILER, *options, *map(str, SOURCES)], check=True)


@needs_compiler
def test_where_there_is_a_compiler_there_is_a_library():
    assert native.available()


@needs_compiler
def test_the_sources_give_no_warning(tmp_path):
    flags = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-Wno-psabi"]
    compiled(*flags, "-O1", "-shared", "-fPIC", "-o", tmp_path / "library.so", "-lm")


@pytest.fixture
def anew():
    """What is known of the library is forgotten before and after."""
    caches = native._library, compiled_sums._functions
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


def test_a_library_of_another_interface_is_none(anew, monkeypatch):
    monkeypatch.setattr(native, "INTERFACE", native.INTERFACE + 1)
    assert not native.available()


@pytest.mark.parametrize("content", [None, b"", b"not a library"], ids=["no file", "empty", "text"])
def test_what_is_no_library_is_none(anew, monkeypatch, tmp_path, content):
    path = tmp_path / "_native.so"
    if content is not None:
        path.write_bytes(content)
    spec = importlib.machinery.ModuleSpec("initlab.native._native", None, origin=str(path))
    monkeypatch.setattr(native, "find_spec", lambda _: spec)
    assert not native.available()


def test_where_it_was_not_compiled_there_is_none(anew, monkeypatch):
    monkeypatch.setattr(native, "find_spec", lambda _: None)
    assert not native.available()


def instructions():
    """Of x86: those that this processor has, of the three for which there is a version."""
    capability = torch.backends.cpu.get_cpu_capability()
    return {"AVX512": 3, "AVX2": 2}.get(capability, 1)


@needs_compiler
@pytest.mark.parametrize("level", [1, 2, 3])
def test_every_version_finds_the_same(anew, monkeypatch, tmp_path, level):
    if level > instructions():
        pytest.skip("a processor without these instructions")
    path = tmp_path / "library.so"
    march = ["x86-64", "x86-64-v3", "x86-64-v4"][level - 1]
    flags = ["-O3", "-fno-math-errno", "-Wno-psabi", "-DEVERY_PROCESSOR=", f"-march={march}"]
    compiled(*flags, "-shared", "-fPIC", "-o", path, "-lm")
    monkeypatch.setattr(native, "_library", lambda: ctypes.CDLL(str(path)))
    generator = torch.Generator().manual_seed(level)
    pre, out = (torch.randn(4, 5, 37, generator=generator) for _ in range(2))
    found = compiled_sums.forward(pre, out, out)
    expected = torch_sums.forward(pre, out, out, Scratch())
    # of 185 numbers, added in another order
    np.testing.assert_allclose(found.sums.squares, expected.sums.squares, rtol=1e-14)
    np.testing.assert_allclose(found.direction, expected.direction, rtol=1e-13)
    np.testing.assert_array_equal(found.saturated, expected.saturated)
    np.testing.assert_array_equal(found.abs_max, expected.abs_max)


@pytest.mark.parametrize("there", [True, False])
def test_it_says_whether_it_is_there(monkeypatch, capsys, there):
    monkeypatch.setattr(native, "available", lambda: there)
    runpy.run_module("initlab.native", run_name="__main__")
    assert capsys.readouterr().out.startswith(f"inner loops: {'compiled C' if there else 'torch'}")
