"""Peak memory of a training step a clip, with and without `gradient_checkpointing`, for the full SMnet on one thread.

Every run is a process of its own; the difference of the peaks at two numbers of clips is what a clip costs, with its
share of activations and their gradients, without weights and TensorFlow. On a GPU the same tensors are kept, but its
convolutions may ask for workspace besides.

    python benchmarks/state_memory.py       # about two minutes
"""

import argparse
import subprocess
import sys
import time

from memory import forget_peak, resident

from gesture.base.tensorflow import import_tensorflow

MODALITIES = ("rgb", "depth", "mask", "skeleton")
SAVES = 0.5  # at most this part of the memory
COSTS = 1.4  # at most this many times the time; a forward pass more is 4/3


def run(gradient_checkpointing: bool, clips: int) -> None:
    """Prints the peak of a step [MB] and the processor time that one takes [s]."""
    import_tensorflow()
    import tensorflow as tf
    from compute import CLASSES, SIZE, made_up_batch

    from gesture.networks.layers.build import build
    from gesture.networks.layers.runtime import pin
    from gesture.networks.smnet import SMnetSettings

    pin(1)
    network = build(SMnetSettings(), MODALITIES, CLASSES, SIZE, seed=1, gradient_checkpointing=gradient_checkpointing)
    values = [one.value for one in network.trainable_variables]

    @tf.function
    def step(batch: dict[str, tf.Tensor]) -> tf.Tensor:
        with tf.GradientTape() as tape:
            logits, steps = network(batch, training=True)
            loss = network.loss(logits, steps, batch["label"])
        return tf.add_n([tf.reduce_sum(one) for one in tape.gradient(loss, values)])

    batch = made_up_batch(clips)
    forget_peak()
    seconds = []
    for _ in range(2):  # the first also traces
        began = time.process_time()
        step(batch).numpy()
        seconds.append(time.process_time() - began)
    print(resident("VmHWM"), seconds[-1])


def measured(gradient_checkpointing: bool, clips: int) -> tuple[float, float]:
    """What `run` prints, from a fresh process."""
    inside = ["--inside", str(int(gradient_checkpointing)), str(clips)]
    command = [sys.executable, "-W", "ignore", __file__, *inside]
    peak, seconds = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    return float(peak), float(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, nargs=2, default=(2, 6), help="numbers of clips in a step (default 2 6)")
    parser.add_argument("--inside", type=int, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        run(bool(options.inside[0]), options.inside[1])
        return
    few, many = options.clips
    memory, time_ = {}, {}
    for gradient_checkpointing in (False, True):
        least, most = measured(gradient_checkpointing, few), measured(gradient_checkpointing, many)
        memory[gradient_checkpointing] = (most[0] - least[0]) / (many - few)
        time_[gradient_checkpointing] = most[1]
        kind = "recomputed" if gradient_checkpointing else "kept"
        print(
            f"activations {kind:10}  {memory[gradient_checkpointing]:6.0f} MB a clip   "
            f"step of {many} clips {most[1]:6.2f} s"
        )
    print(f"memory, recomputed / kept: {memory[True] / memory[False]:.2f} (to reach: at most {SAVES})")
    print(f"time, recomputed / kept:   {time_[True] / time_[False]:.2f} (to reach: at most {COSTS})")


if __name__ == "__main__":
    main()
