"""Arrays that TensorFlow takes over as they are."""

import math
from typing import Any

import numpy as np

# TensorFlow copies what starts elsewhere (EIGEN_MAX_ALIGN_BYTES in tensorflow/python/lib/core/py_func.cc).
ALIGNMENT = 64


def aligned_zeros(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Zeros whose first byte lies at a multiple of 64; a batch of clips then exists once, not twice."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    memory = np.zeros(size + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + size].view(dtype).reshape(shape)
