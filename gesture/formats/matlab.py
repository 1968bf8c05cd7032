"""MATLAB files (version 5) as data sets bring them."""

import io
import zlib
from typing import Any

from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from gesture.base.errors import GestureError


def load(content: bytes, where: str, name: str) -> Any:
    """The variable of this name; dimensions of one element are dropped, structs become objects with attributes.

    Raises:
        GestureError: the bytes are no MATLAB file, are damaged, or hold no such variable.
    """
    try:
        return loadmat(io.BytesIO(content), squeeze_me=True, struct_as_record=False, variable_names=[name])[name]
    except (MatReadError, ValueError, TypeError, KeyError, NotImplementedError, OSError, zlib.error) as error:
        raise GestureError(f"{where}: no MATLAB file with {name} in it ({error})") from error
