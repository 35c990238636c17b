"""Tests of stages/lora. The BLAS comes before the first import of mlx.core, whichever test is first."""

from stages.lora import blas

blas.load()
