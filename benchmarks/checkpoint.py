"""How long saving blocks the training, against a raw write + fsync of as many bytes in the same folder, alternating.

python benchmarks/checkpoint.py                          # 8 M weights and two slots each: about 100 MB
python benchmarks/checkpoint.py --millions 80 --folder /scratch/me
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from gesture.base.lease import Lease
from gesture.config.settings import Training
from gesture.train.checkpoint import Checkpoints
from gesture.train.optimiser import TwoRateAdam

TARGET = 1.5
LAYERS = 8


class Network(keras.Model):
    """As many weights as asked for, in a few layers."""

    def __init__(self, numbers: int) -> None:
        super().__init__()
        side = int((numbers / LAYERS) ** 0.5)
        self.layers_of_weights = [keras.layers.Dense(side, use_bias=False) for _ in range(LAYERS)]
        for layer in self.layers_of_weights:
            layer.build((None, side))
        self.built = True

    @property
    def main_variables(self) -> list[keras.Variable]:
        return self.trainable_variables

    pretrained_variables: tuple = ()


def seconds(action, *arguments) -> float:
    began = time.perf_counter()
    action(*arguments)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--millions", type=float, default=8, help="weights [millions]")
    parser.add_argument("--folder", type=Path, help="where to write (default: the system's temporary folder)")
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    network = Network(int(options.millions * 1e6))
    optimiser = TwoRateAdam(network, Training(stages=[{"steps": 1, "learning_rate": 1e-3}]))
    raw, save, load = [], [], []
    with tempfile.TemporaryDirectory(dir=options.folder) as name, Lease(Path(name) / "live") as lease:
        folder = Path(name)
        checkpoints = Checkpoints(folder / "live", lease, {})
        checkpoints.save(network, optimiser, 0)
        (first,) = (folder / "live").glob("step-*")
        size = sum(path.stat().st_size for path in first.iterdir())
        data = np.random.default_rng(0).bytes(size)
        for repeat in range(options.repeats):
            raw.append(seconds(write_raw, folder / "raw", data))
            save.append(seconds(checkpoints.save, network, optimiser, repeat + 1))
            load.append(seconds(checkpoints.restore, network, optimiser))
    ratio = statistics.median(one / other for one, other in zip(save, raw, strict=True))
    print(f"checkpoint of {size / 1e6:.0f} MB, medians of {options.repeats}")
    print(f"raw write + fsync   {statistics.median(raw):8.3f} s")
    print(f"save                {statistics.median(save):8.3f} s   {ratio:5.2f} x raw (to reach: at most {TARGET})")
    print(f"check and load      {statistics.median(load):8.3f} s")


def write_raw(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


if __name__ == "__main__":
    main()
