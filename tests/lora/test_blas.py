import os
import subprocess
import sys
from pathlib import Path

import pytest

from stages.lora import blas
from tests.conftest import ROOT

LINUX = pytest.mark.skipif(sys.platform == "darwin", reason="macOS has Accelerate")
MULTIPLY = """
import sys
from stages.lora import blas
print(blas.load())
assert blas.load() == blas.load()
import mlx.core as mx, numpy as np
a = np.random.default_rng(0).normal(size=(64, 96)).astype(np.float32)
assert np.allclose(np.array(mx.array(a) @ mx.array(a.T)), a @ a.T, atol=1e-4)
"""


def run(code: str, scratch: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    given = {**os.environ, "REFRAIN_SCRATCH": str(scratch), **environment}
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=given, capture_output=True, text=True, check=True)


@LINUX
def test_the_fast_blas_multiplies_right_and_is_named(tmp_path: Path) -> None:
    done = run(MULTIPLY, tmp_path)
    assert done.stdout.startswith("OpenBLAS ")
    assert done.stderr == ""


@LINUX
def test_without_a_compiler_one_line_says_what_it_costs(tmp_path: Path) -> None:
    done = run(MULTIPLY, tmp_path, PATH="")
    if "(system)" in done.stdout:
        pytest.skip("this machine has an OpenBLAS of its own")
    assert done.stdout.strip() == blas.REFERENCE
    assert len(done.stderr.splitlines()) == 1
    assert "install" in done.stderr


@LINUX
def test_the_shim_is_compiled_once(tmp_path: Path) -> None:
    first = run(MULTIPLY, tmp_path)
    again = run(MULTIPLY, tmp_path, PATH="")
    assert again.stdout == first.stdout
    assert again.stderr == ""


@LINUX
def test_loading_after_mlx_is_an_error(tmp_path: Path) -> None:
    code = """
import mlx.core
from stages.lora import blas
try:
    blas.load()
except RuntimeError as error:
    print(error)
"""
    assert "before the first import of mlx.core" in run(code, tmp_path).stdout


@LINUX
def test_scipy_keeps_its_own_lapack(tmp_path: Path) -> None:
    # with numpy's OpenBLAS open to everybody, scipy's called its inner functions: "Too large work array required"
    code = """
from stages.lora import blas
blas.load()
import numpy as np, scipy.linalg
a = np.random.default_rng(0).normal(size=(40, 30))
u, s, v = scipy.linalg.svd(a, full_matrices=False)
assert np.allclose(u * s @ v, a)
"""
    run(code, tmp_path)
