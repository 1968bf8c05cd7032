"""Adam with two learning rates: one for parts that start from pretrained weights, one for all others.

If asked, it keeps a running average of the weights. The network holds the weights that are trained, except inside
`averaged_weights`; on disk `model.weights.h5` holds the averaged ones, since they are the result, and the trained ones
lie with the optimiser's slots.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import h5py
import keras
import numpy as np
import tensorflow as tf

from gesture.config.settings import Training
from gesture.networks.layers.network import GestureNetwork
from gesture.train.loss_scale import LossScale


class TwoRateAdam:
    """Two Adam optimisers fed by one backward pass (Kingma and Ba 2015; epsilon 1e-8 as in 2019).

    In 2019 two training operations raced, each with a backward pass of its own; here both parts see the same weights.
    """

    def __init__(self, network: GestureNetwork, training: Training) -> None:
        """Makes the slots for all variables of the network."""
        self._parts = [list(network.main_variables), list(network.pretrained_variables)]
        self._clip_norm = training.gradient_clip_norm
        self._adams = []
        for variables in self._parts:
            adam = keras.optimizers.Adam(epsilon=1e-8, weight_decay=training.weight_decay or None)
            if training.weight_decay:
                adam.exclude_from_weight_decay(var_list=[one for one in variables if len(one.shape) < 2])
            adam.build(variables)
            self._adams.append(adam)
        self._survives = training.ema_decay
        averaged = self.variables if self._survives else []
        self._averages = [keras.Variable(one, aggregation="only_first_replica") for one in averaged]
        self.loss_scale = LossScale() if training.precision == "float16" else None

    @property
    def variables(self) -> list[keras.Variable]:
        """The trained variables, main part first: gradients are given in this order."""
        return self._parts[0] + self._parts[1]

    @property
    def state(self) -> list[keras.Variable]:
        """All that it remembers from step to step."""
        return [*self._averages, *(variable for _, variable in self._slots())]

    def scaled(self, loss: tf.Tensor) -> tf.Tensor:
        """The loss that `apply` wants the gradients of."""
        return loss if self.loss_scale is None else self.loss_scale.scaled(loss)

    def apply(self, gradients: list[tf.Tensor], rate: tf.Tensor, pretrained_rate: tf.Tensor) -> None:
        """Makes one step; inside tf.function. Gradients of several devices are added up.

        With float16 a step whose gradients are not finite is left out.
        """
        if self.loss_scale is None:
            self._update(gradients, rate, pretrained_rate)
        else:
            self.loss_scale.update_if_finite(gradients, self._update, rate, pretrained_rate)

    def _update(self, gradients: list[tf.Tensor], rate: tf.Tensor, pretrained_rate: tf.Tensor) -> None:
        if self._clip_norm is not None:
            whole = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, gradients)
            gradients, _ = tf.clip_by_global_norm(gradients, self._clip_norm, tf.linalg.global_norm(whole))
        main = len(self._parts[0])
        steps = tf.cast(self._adams[0].iterations, tf.float32)
        for adam, variables, part, one_rate in zip(
            self._adams, self._parts, (gradients[:main], gradients[main:]), (rate, pretrained_rate), strict=True
        ):
            if variables:
                adam.learning_rate.assign(one_rate)
                adam.apply(part, variables)
        # The first steps average over fewer, or the initial weights would be remembered for long.
        survives = tf.minimum(self._survives, steps / (steps + 9))
        for average, variable in zip(self._averages, self.variables, strict=False):
            average.assign(survives * average + (1 - survives) * variable)

    def scale_now(self) -> tf.Tensor:
        """The scale of the loss, `()` float32, 1 if there is none; inside tf.function after `apply`."""
        return tf.ones(()) if self.loss_scale is None else tf.convert_to_tensor(self.loss_scale.scale)

    def check_scale(self, step: int, scale: float) -> None:
        """Ends a training in float16 whose gradients overflow whatever the scale of the loss; see `LossScale.check`."""
        if self.loss_scale is not None:
            self.loss_scale.check(step, scale)

    def scale_noted(self) -> dict[str, float]:
        """What the history says of the loss scale; nothing if there is none."""
        return {} if self.loss_scale is None else self.loss_scale.noted()

    @contextmanager
    def averaged_weights(self) -> Iterator[None]:
        """The network has the averaged weights inside the block; nothing changes if none are kept."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def _swap(self) -> None:
        if self._adams[0].iterations.numpy() == 0:
            return  # no step, no average yet
        for average, variable in zip(self._averages, self.variables, strict=False):
            trained = variable.numpy()
            variable.assign(average)
            average.assign(trained)

    def save(self, path: Path | BinaryIO) -> None:
        """Writes all slots, and the trained weights if averages are kept, to an HDF5 file."""
        with h5py.File(path, "w") as file:
            for name, variable in [*self._slots(), *self._trained()]:
                file.create_dataset(name, data=variable.numpy())

    def load(self, path: Path) -> None:
        """Reads what `save` wrote for a network of the same shape, whose (averaged) weights are loaded already."""
        for average, variable in zip(self._averages, self.variables, strict=False):
            average.assign(variable)
        with h5py.File(path, "r") as file:
            for name, variable in self._slots():
                variable.assign(np.asarray(file[name]))
            if "trained" in file:  # not in what was made without averages
                for name, variable in self._trained():
                    variable.assign(np.asarray(file[name]))

    def take_over(self, steps: int, moments: Sequence[tuple[np.ndarray, np.ndarray] | None]) -> None:
        """Goes on where another program's Adam stopped; the network's weights are loaded already.

        Args:
            steps: made there.
            moments: first and second moment of each of `variables`; None for one that was not trained there.
        """
        slots = []
        for adam in self._adams:
            adam.iterations.assign(steps)
            # After the step and the rate come the first and the second moment of each variable in turn.
            slots += list(zip(adam.variables[2::2], adam.variables[3::2], strict=True))
        for slot, values in zip(slots, moments, strict=True):
            for variable, value in zip(slot, values or (), strict=False):
                variable.assign(value)
        for average, variable in zip(self._averages, self.variables, strict=False):
            average.assign(variable)

    def _trained(self) -> list[tuple[str, keras.Variable]]:
        return [
            (f"trained/{number:04d}", variable) for number, variable in enumerate(self.variables[: len(self._averages)])
        ]

    def _slots(self) -> list[tuple[str, keras.Variable]]:
        parts = {"main": self._adams[0].variables, "pretrained": self._adams[1].variables}
        if self.loss_scale is not None:
            parts["loss_scale"] = self.loss_scale.variables
        return [
            (f"{part}/{number:04d}", variable)
            for part, variables in parts.items()
            for number, variable in enumerate(variables)
        ]
