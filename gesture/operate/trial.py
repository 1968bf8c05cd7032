"""One training step on every device of this process, as a job would compute it: `python -m gesture.operate.trial`.

It prints what it saw as one line of JSON. It is a process of its own because a broken driver can end it, and because
no GPU may be left occupied by whoever asks.
"""

import json
import os
import re
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from gesture.base import cuda_libraries
from gesture.base.driver import driver
from gesture.base.hardware import Device, Hardware, hardware

ROOT = Path(__file__).parents[2]
# A cold file system takes its time; the job of the probe has ten minutes [s].
PATIENCE = 540.0
LONGEST = 240


@dataclass(frozen=True)
class Trial:
    """What a process like that of a job has seen.

    Attributes:
        hardware: what TensorFlow computes on.
        known: newest CUDA that the driver knows, as (major, minor); None without one.
        modes: compute mode of each GPU.
        foreign: name -> path of CUDA libraries that were opened although this environment has its own.
        first: name -> path of those that come first on `LD_LIBRARY_PATH` and are not this environment's.
        error: why the step failed, in one line; empty if it did not.
    """

    hardware: Hardware
    known: tuple[int, int] | None
    modes: tuple[str, ...]
    foreign: dict[str, str]
    first: dict[str, str]
    error: str


def trial() -> Trial:
    """Imports TensorFlow in this process, looks at its devices, and makes the step on each."""
    found, seen = hardware(), driver()
    own = cuda_libraries.installed()
    first = {name: cuda_libraries.first_on_path(name) for name in {*cuda_libraries.LOADER, *own}}
    others = {name: str(path) for name, path in first.items() if path is not None and path != own.get(name)}
    try:
        step(len(found.gpus))
        error = ""
    except Exception as problem:
        error = _line(f"{type(problem).__name__}: {problem}")
    opened = {name: str(path) for name, path in cuda_libraries.foreign().items()}
    return Trial(found, seen.cuda, seen.modes, opened, others, error)


def step(gpus: int) -> None:
    """A 3-D convolution, max pooling and a recurrent cell, forwards and backwards, on each GPU or on the CPU.

    Raises:
        Exception: TensorFlow's own, if a device cannot compute it.
    """
    import tensorflow as tf

    from gesture.networks.layers.runtime import device_names, pin

    pin(threads=1)

    @tf.function
    def gradients(clips: tf.Tensor, kernel: tf.Tensor, cell: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch([kernel, cell])
            x = tf.nn.max_pool3d(tf.nn.relu(tf.nn.conv3d(clips, kernel, (1,) * 5, "SAME")), 2, 2, "SAME")
            x = tf.reduce_mean(x, (2, 3))
            state = output = tf.zeros((clips.shape[0], 8))
            for frame in tf.unstack(x, axis=1):
                forget, write, new, show = tf.split(tf.concat([frame, output], 1) @ cell, 4, axis=1)
                state = tf.sigmoid(forget) * state + tf.sigmoid(write) * tf.tanh(new)
                output = tf.sigmoid(show) * tf.tanh(state)
            loss = tf.reduce_mean(tf.square(output - 1.0))
        return tape.gradient(loss, [kernel, cell])

    for name in device_names(max(1, gpus)):
        with tf.device(name):
            clips = tf.reshape(tf.sin(tf.range(2 * 8 * 16 * 16 * 3, dtype=tf.float32)), (2, 8, 16, 16, 3))
            kernel = tf.fill((3, 3, 3, 3, 8), 0.05)
            cell = tf.fill((16, 32), 0.05)
            for gradient in gradients(clips, kernel, cell):
                tf.debugging.assert_all_finite(gradient, f"gradient on {name}")
                gradient.numpy()


def try_out() -> Trial | str:
    """Runs the trial in a process of its own; what it saw, or in one line how it died."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))}
    command = [sys.executable, "-P", "-m", "gesture.operate.trial"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return f"it had not ended after {PATIENCE / 60:.0f} minutes"
    if done.returncode:
        ended = f"signal {-done.returncode}" if done.returncode < 0 else f"exit code {done.returncode}"
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        return _line(f"it ended with {ended}: {lines[-1] if lines else 'no message'}")
    return read(done.stdout.splitlines()[-1])


def read(line: str) -> Trial:
    """The trial in a line of JSON."""
    value = json.loads(line)
    found = value["hardware"]
    gpus = tuple(Device(**one) for one in found.pop("gpus"))
    known = value["known"] and tuple(value["known"])
    return Trial(
        Hardware(gpus=gpus, **found), known, tuple(value["modes"]), value["foreign"], value["first"], value["error"]
    )


def _line(text: str) -> str:
    """The first sentences of TensorFlow's message: no listing of the nodes, no padding."""
    text = " ".join(re.sub(r"\{\{.*?\}\}|\[Op:.*?\]|Detected at node.*", " ", text, flags=re.S).split())
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} ..."


if __name__ == "__main__":
    print(json.dumps(asdict(trial())))
