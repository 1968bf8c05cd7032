"""Memory of a training step against what `gesture plan` says, for every kind of network and precision.

    python benchmarks/gpu_memory.py                    # on the CPU, about ten minutes, clips of 32 px
    python benchmarks/gpu_memory.py --only smnet --precision float32

Every case is a process of its own and a real step, with its optimiser. On a CPU it uses the allocator that TensorFlow
has for GPUs and reads the same counter. Two sizes of the batch give what a clip or sequence costs. `tensors` is what
was asked for, by TensorFlow's log; `allocated` is what the allocator took for it. A GPU shows `allocated` alone.
"""

import argparse
import os
import re
import subprocess
import sys
import time

from gesture.networks.memory import state_bytes, step_memory

MB = 1e6
PRECISIONS = ("float32", "bfloat16", "float16")
# Of the larger batch: enough that a difference counts, little enough for a CPU.
CLIPS = {False: (4, 12), True: (12, 40)}  # with activations kept, and recomputed
OTHERS = (32, 128)
RATIO = (0.8, 1.25)  # measured over predicted, to reach
Case = tuple[str, str, bool, int]  # kind, precision, gradient_checkpointing, px of the clips; 0 = tiny networks
MARK = "gpu-memory-mark"
PAUSE = 1.0  # until the last tensors of a step are gone [s]


def run(name: str, precision: str, gradient_checkpointing: bool, image: int, units: int, device: str) -> None:
    """Prints bytes at rest and the peak of a step; says on stderr where the step begins."""
    from gesture.base.tensorflow import import_tensorflow

    if not os.environ.get("TF_CPP_VMODULE"):  # its log goes to stderr
        import_tensorflow()
    import tensorflow as tf
    from made_up_steps import batch_of, made_up, trainer, training_step

    from gesture.networks.layers.runtime import pin

    pin(1)
    kind = made_up(image)[name]
    network, optimiser = trainer(kind, precision, gradient_checkpointing)
    arrays = batch_of(kind, units)
    step = training_step(network, optimiser, arrays)
    step({key: tf.constant(value) for key, value in arrays.items()}).numpy()
    time.sleep(PAUSE)
    counter = f"{device}:0"
    counts = bool(os.environ.get("TF_CPU_ALLOCATOR_USE_BFC")) or device == "GPU"
    rest = tf.config.experimental.get_memory_info(counter)["current"] if counts else 0
    if counts:
        tf.config.experimental.reset_memory_stats(counter)
    print(MARK, file=sys.stderr, flush=True)
    batch = {key: tf.constant(value) for key, value in arrays.items()}
    step(batch).numpy()
    peak = tf.config.experimental.get_memory_info(counter)["peak"] if counts else 0
    time.sleep(PAUSE)
    print(MARK, file=sys.stderr, flush=True)
    print(rest, peak)


def measured(case: Case, units: int, device: str) -> tuple[float, float]:
    """Bytes at rest and at the peak, from a fresh process with the allocator of GPUs."""
    environment = {**os.environ, "TF_CPU_ALLOCATOR_USE_BFC": "true"}
    return tuple(map(float, _inside(case, units, device, environment).stdout.split()))


def asked_for(case: Case, units: int) -> float:
    """Most bytes of tensors alive in a step above those after it, by TensorFlow's log of a fresh process."""
    environment = {**os.environ, "TF_CPP_VMODULE": "log_memory=2", "TF_CPP_MIN_LOG_LEVEL": "0"}
    lines = _inside(case, units, "CPU", environment).stderr.splitlines()
    alive: dict[str, int] = {}
    now = most = marks = 0
    for line in lines:
        if line.startswith(MARK):
            marks += 1
            if marks == 2:
                return most - now
            most = now
        found = re.search(r"MemoryLogTensor(Allocation|Deallocation) .*allocation_id: (\d+)", line)
        if found and found[1] == "Allocation":
            alive[found[2]] = int(re.search(r"requested_bytes: (\d+)", line)[1])
            now += alive[found[2]]
        elif found:
            now -= alive.pop(found[2], 0)
        most = max(most, now)
    raise SystemExit(f"{case}: the step left no mark in TensorFlow's log")


def _inside(case: Case, units: int, device: str, environment: dict[str, str]):
    name, precision, gradient_checkpointing, image = case
    inside = ["--inside", name, precision, str(int(gradient_checkpointing)), str(image), str(units), device]
    command = [sys.executable, "-W", "ignore", __file__, *inside]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise SystemExit(f"{case}: {done.stderr[-2000:]}")
    return done


def row(case: Case, device: str, counts: tuple[int, int]) -> list[str]:
    """One line of the table."""
    from made_up_steps import made_up

    name, precision, gradient_checkpointing, image = case
    kind = made_up(image)[name]
    together = precision == "float16"
    settings = (kind.settings, kind.modalities, kind.image, precision, gradient_checkpointing, together)
    few, many = counts
    least, most = (measured(case, one, device) for one in counts)
    allocated = (most[1] - least[1]) / (many - few)
    tensors = (asked_for(case, many) - asked_for(case, few)) / (many - few) if device == "CPU" else None
    here = step_memory(*settings, on_gpu=device == "GPU").unit
    card = step_memory(*settings).unit
    state = state_bytes(*settings[:3])
    seen = allocated if tensors is None else tensors
    text = f"{name}{', gradient_checkpointing' if gradient_checkpointing else ''}"
    figures = [here / MB, None if tensors is None else tensors / MB, allocated / MB, card / MB]
    return [
        f"{text:24}{precision:10}",
        *("       -" if one is None else f"{one:10.3f}" for one in figures),
        f"{seen / here:8.2f}",
        f"{state / MB:10.1f}",
        f"{most[0] / MB:10.1f}",
    ]


HEADER = (
    f"{'':34}{'predicted':>10}{'tensors':>10}{'allocated':>10}{'on a GPU':>10}{'ratio':>8}{'state':>10}{'at rest':>10}"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", metavar="KIND", help="kinds of networks (default: all)")
    parser.add_argument("--precision", nargs="+", default=list(PRECISIONS), help="default: all")
    parser.add_argument("--image", type=int, default=32, help="height and width of the clips (default 32) [px]")
    parser.add_argument("--small", action="store_true", help="tiny networks: shows that it runs, measures nothing")
    parser.add_argument("--device", choices=("CPU", "GPU"), default="CPU", help="where the steps run (default CPU)")
    parser.add_argument("--inside", nargs=6, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        name, precision, gradient_checkpointing, image, units, device = options.inside
        run(name, precision, gradient_checkpointing == "1", int(image), int(units), device)
        return
    from gesture.base.tensorflow import import_tensorflow

    import_tensorflow()
    from made_up_steps import made_up

    image = 0 if options.small else options.image
    print("MB a clip (smnet) or sequence; predicted: in the order of this device")
    print(HEADER)
    for name in options.only or made_up(image):
        for precision in options.precision:
            for gradient_checkpointing in (False, True) if name == "smnet" else (False,):
                counts = CLIPS[gradient_checkpointing] if name.startswith("smnet") else OTHERS
                print(
                    "".join(row((name, precision, gradient_checkpointing, image), options.device, counts)), flush=True
                )


if __name__ == "__main__":
    main()
