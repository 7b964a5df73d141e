"""The compiled library: there where it can be, and the same on all processors."""

import ctypes
import importlib.machinery
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from initlab import native
from initlab.native.__main__ import inner_loops
from initlab.network import compiled_sums
from initlab.theory import compiled_layers, gram, layers
from initlab.theory.gram import gram_curves_of
from initlab.theory.moments import choice_of
from initlab.theory.variances import LayerVariance

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


CACHES = native._library, compiled_sums._functions, compiled_layers._functions


@pytest.fixture
def anew():
    """What is known of the library is forgotten before and after."""
    for cache in CACHES:
        cache.cache_clear()
    yield
    for cache in CACHES:
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


@needs_compiler
def test_a_library_that_lacks_a_function_is_none(anew, monkeypatch):
    monkeypatch.setattr(native, "FUNCTIONS", (*native.FUNCTIONS, "initlab_nothing"))
    assert not native.available()


@needs_compiler
def test_it_says_which_compiler_made_it():
    assert re.fullmatch(r"gcc \d+\.\d+\.\d+.*|.*clang.*", native.compiler(), re.IGNORECASE)


def test_sizes_and_limits_are_those_of_the_sources():
    text = "".join(path.read_text() for path in SOURCES[0].parent.glob("*.[ch]"))
    defined = dict(re.findall(r"#define (\w+) ([-\de.]+)", text))
    assert int(defined["LANES"]) == native.LANES
    assert int(defined["ROWS"]) == compiled_sums.ROWS
    assert int(defined["MOST_BATCH"]) == compiled_layers.MOST_SAMPLES
    assert int(defined["TERMS"]) == gram.TERMS + 1
    for name in ("JITTER", "ALIKE", "CANCELLED"):
        assert float(defined[name]) == getattr(layers, name), name
    assert re.search(r"initlab_interface\(void\) { return (\d+); }", text)[1] == str(
        native.INTERFACE
    )
    assert sorted(re.findall(r"void (initlab_\w+)\(", text)) == sorted(native.FUNCTIONS)


def instructions():
    """Of x86: how many of the three versions this processor can take."""
    capability = torch.backends.cpu.get_cpu_capability()
    return {"AVX512": 3, "AVX2": 2}.get(capability, 1 if platform.machine() == "x86_64" else 0)


def everything(batch, width):
    """What each function of the library finds of some numbers."""
    generator = torch.Generator().manual_seed(0)
    pre, out, delta = (torch.randn(4, batch, width, generator=generator) for _ in range(3))
    found = [*compiled_sums.forward(pre, out, pre)[0], *compiled_sums.forward(pre, out, pre)[1:]]
    back = compiled_sums.backward(pre, delta, out, biased=False)
    found += [*back.gradient, *back.weights]
    law = LayerVariance(width, 4 * width, 1.5 / width)
    before = layers.drawn(out.transpose(1, 2)).layer()
    passed = compiled_layers.passed(
        before, law, False, pre.transpose(1, 2), torch.tanh, gram_curves_of(choice_of("tanh"))
    )
    return [*found, *(np.asarray(x) for x in passed.layer)]


@needs_compiler
@pytest.mark.parametrize(
    ("level", "option"),
    [
        (1, "-march=x86-64"),
        (2, "-march=x86-64-v3"),
        (3, "-march=x86-64-v4"),
        (0, "-DUSUAL_BATCH=0"),
    ],
)
def test_every_version_finds_the_same(anew, monkeypatch, tmp_path, level, option):
    if level > instructions():
        pytest.skip("a processor without these instructions")
    expected = [everything(batch, width) for batch, width in ((16, 37), (5, 8))]
    path = tmp_path / "library.so"
    flags = ["-O3", "-fno-math-errno", "-Wno-psabi", "-DEVERY_PROCESSOR=", option]
    compiled(*flags, "-shared", "-fPIC", "-o", path, "-lm")
    monkeypatch.setattr(native, "_library", lambda: ctypes.CDLL(str(path)))
    for cache in CACHES[1:]:
        cache.cache_clear()
    for (batch, width), theirs in zip(((16, 37), (5, 8)), expected, strict=True):
        for ours, other in zip(everything(batch, width), theirs, strict=True):
            # float32 of z, and where sums cancel the digits that are left of theirs
            np.testing.assert_allclose(ours, other, rtol=1e-5, atol=1e-6)


def test_a_process_says_whether_it_is_there():
    command = [sys.executable, "-m", "initlab.native"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == inner_loops() + "\n"
    assert ("compiled C" in done.stdout) == native.available()


def test_where_there_is_none_it_says_so(anew, monkeypatch):
    monkeypatch.setattr(native, "find_spec", lambda _: None)
    assert inner_loops().startswith("inner loops: torch (pip found no C compiler; ")
