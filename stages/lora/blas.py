"""The matrix product under mlx on a Linux CPU: numpy's OpenBLAS in place of the reference BLAS in mlx's own wheel.

libmlx looks `cblas_sgemm` up by name, so whichever library offers that name first takes over: 100 to 180 GFLOP/s
against 2-6 on two cores. numpy's wheel carries OpenBLAS under prefixed names with 64-bit integers; a shim of two
functions, which is compiled once, forwards to it. It comes before a system's OpenBLAS because the constraints file pins
it: same numpy, same sums.
"""

import ctypes
import functools
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from stages.files import replacing
from stages.store import digest, folder

REFERENCE = "reference BLAS of the mlx wheel"

# The products are told where to go on when it is loaded. Opening OpenBLAS for everybody instead, so that a linker finds
# them, gave its inner functions to scipy's OpenBLAS as well: other integers, and wrong results of LAPACK.
SHIM = """
#define FORWARD(real, name, inner) \\
    static void (*inner)(int, int, int, long, long, long, real, const real *, long, const real *, long, real, \\
                         real *, long); \\
    void refrain_##name(void *product) { inner = product; } \\
    void name(int order, int ta, int tb, int m, int n, int k, real alpha, const real *a, int lda, const real *b, \\
              int ldb, real beta, real *c, int ldc) \\
    { inner(order, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc); }
FORWARD(float, cblas_sgemm, single_product)
FORWARD(double, cblas_dgemm, double_product)
"""


@functools.cache
def load() -> str:
    """Put a fast BLAS under mlx, with one thread per product; the name of the one in use.

    Call it before the first import of mlx.core: later it would be too late to take over. One thread, because the loop
    runs several streams, each with products of its own; the number of threads doesn't change a product.
    Without OpenBLAS, or a compiler for the shim, one line on standard error says what that costs.
    Raises RuntimeError if mlx.core is already imported.
    """
    if sys.platform == "darwin":
        return "Accelerate"
    if "mlx.core" in sys.modules:
        raise RuntimeError("stages.lora.blas.load() comes before the first import of mlx.core")
    name = _numpy_openblas() or _system_openblas()
    if name is None:
        print(
            "blas: no OpenBLAS found and no C compiler to reach numpy's; matrix products run 20 to 50 times slower: "
            "install a compiler (apt install gcc) or OpenBLAS (apt install libopenblas0)",
            file=sys.stderr,
        )
    _interleave()
    return name or REFERENCE


def device() -> str:
    """What mlx computes on, with a card's name: another one rounds otherwise."""
    import mlx.core as mx

    found = mx.default_device()
    if found.type == mx.DeviceType.cpu:
        return str(found)
    info: Mapping[str, object] = mx.device_info(found)
    return " ".join([str(found), *(str(info[key]) for key in ("device_name", "architecture") if key in info)])


def walk_in_depth() -> None:
    """Let mlx finish one layer's work before the next one's, so that gradient checkpointing saves memory on a CPU.

    In breadth (see _interleave) it computes all layers again at once. Call it before `load`.
    """
    os.environ["MLX_BFS_MAX_WIDTH"] = "20"  # mlx's own default


def _interleave() -> None:
    """On a CPU, let mlx start the work of several streams in turns, and not one stream's after the other's.

    mlx walks a graph depth first once it is wider than this variable says, and waits while more than ten tasks are
    open: with the default of 20 a second stream has nothing to do until the first is through (wall time 205 ms against
    117 ms for two micro-batches side by side). It decides the order of work only. Read at the first evaluation.
    """
    import mlx.core as mx

    if mx.default_device().type == mx.DeviceType.cpu:
        os.environ.setdefault("MLX_BFS_MAX_WIDTH", "1000000")


def _numpy_openblas() -> str | None:
    """numpy's OpenBLAS behind the shim; None if this numpy has none, or nothing compiles the shim."""
    bundled = sorted((Path(np.__file__).parent.parent / "numpy.libs").glob("libscipy_openblas64_*.so*"))
    if not bundled:
        return None
    with folder("blas", digest(SHIM, np.__version__, platform.machine())) as place:
        shim = place / "libcblas.so"
        if not shim.exists() and not _compiled(shim):
            return None
    openblas = ctypes.CDLL(str(bundled[0]))  # numpy has loaded it; its names stay its own
    products = ctypes.CDLL(str(shim), mode=ctypes.RTLD_GLOBAL)
    for name in ("cblas_sgemm", "cblas_dgemm"):
        address = ctypes.cast(openblas[f"scipy_{name}64_"], ctypes.c_void_p)
        products[f"refrain_{name}"](address)
    openblas.scipy_openblas_set_num_threads64_(1)
    return f"{_config(openblas, 'scipy_openblas_get_config64_')} (numpy {np.__version__})"


def _compiled(shim: Path) -> bool:
    """Whether a compiler was there to make `shim`, whole or not at all."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return False
    try:
        with replacing(shim) as temporary:
            command = [compiler, "-O2", "-shared", "-fPIC", "-x", "c", "-", "-o", str(temporary)]
            subprocess.run(command, input=SHIM.encode(), capture_output=True, check=True)
    except subprocess.CalledProcessError:  # a compiler without a C library, say
        return False
    return True


def _system_openblas() -> str | None:
    """The system's OpenBLAS with plain names, if there is one."""
    try:
        openblas = ctypes.CDLL("libopenblas.so.0", mode=ctypes.RTLD_GLOBAL)
        openblas.openblas_set_num_threads(1)
        return f"{_config(openblas, 'openblas_get_config')} (system)"
    except (OSError, AttributeError):
        return None


def _config(openblas: ctypes.CDLL, function: str) -> str:
    """Version and kernel of `openblas`, such as "OpenBLAS 0.3.30 Haswell": what decides the last bits of a sum."""
    get = openblas[function]
    get.restype = ctypes.c_char_p
    words = get().decode().split()
    flags = {"NO_AFFINITY", "DYNAMIC_ARCH", "USE64BITINT", "USE_OPENMP", "NO_LAPACK", "NO_CBLAS", "SINGLE_THREADED"}
    return " ".join(word for word in words if word not in flags and not word.startswith("MAX_THREADS"))
