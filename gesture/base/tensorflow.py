"""Importing TensorFlow without the dozen lines it writes to every log."""

import os
import sys
import tempfile

from gesture.base import cuda_libraries


def import_tensorflow() -> None:
    """Imports TensorFlow and looks for GPUs with stderr held back; if that fails, all of it is shown.

    The CUDA libraries of this environment are opened first: TensorFlow alone would miss some, or take others that come
    first on `LD_LIBRARY_PATH`. `float32` means float32: TF32, which TensorFlow has on by default, is off until somebody
    asks for it.
    """
    if "tensorflow" in sys.modules:
        return
    cuda_libraries.open_installed()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # what fails also raises
    # Else cuDNN's convolutions are tried out for each new shape, and the first that works is taken: on a card with less
    # free memory, perhaps after a resume, that may be another one, with other bytes.
    os.environ.setdefault("TF_CUDNN_USE_AUTOTUNE", "0")
    sys.stderr.flush()
    real = os.dup(2)
    with tempfile.TemporaryFile() as sink:
        os.dup2(sink.fileno(), 2)  # its C++ parts write to the descriptor, not to sys.stderr
        try:
            import tensorflow

            tensorflow.config.list_physical_devices("GPU")
            tensorflow.config.experimental.enable_tensor_float_32_execution(False)
        except BaseException:
            sink.seek(0)
            os.write(real, sink.read())
            raise
        finally:
            os.dup2(real, 2)
            os.close(real)
