"""Adam with two learning rates: one for parts that start from pretrained weights, one for all others."""

from pathlib import Path

import h5py
import keras
import numpy as np
import tensorflow as tf

from gesture.models.network import GestureNetwork
from gesture.settings import Training


class TwoRateAdam:
    """Two Adam optimisers fed by one backward pass (Kingma and Ba 2015; epsilon 1e-8 as in 2019).

    In 2019 two training operations raced, each with a backward pass of its own; here both parts see the same weights.
    """

    def __init__(self, network: GestureNetwork, training: Training) -> None:
        """Makes the slots for all variables of the network."""
        self._parts = [list(network.main_variables), list(network.pretrained_variables)]
        self._clip_norm = training.clip_norm
        self._adams = []
        for variables in self._parts:
            adam = keras.optimizers.Adam(epsilon=1e-8, weight_decay=training.weight_decay or None)
            if training.weight_decay:
                adam.exclude_from_weight_decay(var_list=[one for one in variables if len(one.shape) < 2])
            adam.build(variables)
            self._adams.append(adam)

    @property
    def variables(self) -> list[keras.Variable]:
        """The trained variables, main part first: gradients are given in this order."""
        return self._parts[0] + self._parts[1]

    def apply(self, gradients: list[tf.Tensor], rate: tf.Tensor, pretrained_rate: tf.Tensor) -> None:
        """Makes one step; inside tf.function."""
        if self._clip_norm is not None:
            gradients, _ = tf.clip_by_global_norm(gradients, self._clip_norm)
        main = len(self._parts[0])
        for adam, variables, part, one_rate in zip(
            self._adams, self._parts, (gradients[:main], gradients[main:]), (rate, pretrained_rate), strict=True
        ):
            if variables:
                adam.learning_rate.assign(one_rate)
                adam.apply(part, variables)

    def save(self, path: Path) -> None:
        """Writes all slots to an HDF5 file."""
        with h5py.File(path, "w") as file:
            for name, variable in self._slots():
                file.create_dataset(name, data=variable.numpy())

    def load(self, path: Path) -> None:
        """Reads what `save` wrote for a network of the same shape."""
        with h5py.File(path, "r") as file:
            for name, variable in self._slots():
                variable.assign(np.asarray(file[name]))

    def _slots(self) -> list[tuple[str, keras.Variable]]:
        return [
            (f"{part}/{number:04d}", variable)
            for part, adam in zip(("main", "pretrained"), self._adams, strict=True)
            for number, variable in enumerate(adam.variables)
        ]
