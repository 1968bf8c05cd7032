"""Importing TensorFlow without the dozen lines it writes to every log."""

import os
import sys
import tempfile


def import_tensorflow() -> None:
    """Imports TensorFlow and looks for GPUs with stderr held back; if that fails, all of it is shown."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # what fails also raises
    sys.stderr.flush()
    real = os.dup(2)
    with tempfile.TemporaryFile() as sink:
        os.dup2(sink.fileno(), 2)  # its C++ parts write to the descriptor, not to sys.stderr
        try:
            import tensorflow

            tensorflow.config.list_physical_devices("GPU")
        except BaseException:
            sink.seek(0)
            os.write(real, sink.read())
            raise
        finally:
            os.dup2(real, 2)
            os.close(real)
