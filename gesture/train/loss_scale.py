"""Dynamic loss scaling for float16 (Micikevicius et al. 2018): small gradients would be rounded to zero.

The loss is multiplied by a scale before the backward pass and the gradients are divided by it after. A step whose
gradients overflow is skipped and halves the scale; many good ones in a row double it. All of this is state of the run
like the weights, so a resumed run goes on as an undisturbed one.
"""

from collections.abc import Callable

import keras
import tensorflow as tf

from gesture.base.errors import FailedForGoodError

FIRST_SCALE = 2.0**15
STEPS_TO_DOUBLE = 2000


class LossScale:
    """The scale, the good steps since it last changed, and all steps that were skipped."""

    def __init__(self) -> None:
        """Starts high: a scale that is too large costs a step a halving."""
        self.scale = _number(FIRST_SCALE, "float32")
        self.good_steps = _number(0, "int32")
        self.skipped = _number(0, "int32")

    @property
    def variables(self) -> list[keras.Variable]:
        """All that it remembers from step to step."""
        return [self.scale, self.good_steps, self.skipped]

    def scaled(self, loss: tf.Tensor) -> tf.Tensor:
        """What the backward pass starts from."""
        return loss * self.scale

    def update_if_finite(self, gradients: list[tf.Tensor], update: Callable[..., None], *rates: tf.Tensor) -> None:
        """Runs ``update(unscaled gradients, *rates)`` if they are finite on all devices; moves the scale either way.

        Inside tf.function.
        """
        gradients = [one / self.scale for one in gradients]
        context = tf.distribute.get_replica_context()
        spoilt = tf.reduce_any([tf.reduce_any(~tf.math.is_finite(one)) for one in gradients])
        spoilt = context.all_reduce(tf.distribute.ReduceOp.SUM, tf.cast(spoilt, tf.float32))

        def on_all(strategy: tf.distribute.Strategy, spoilt: tf.Tensor, *arguments: tf.Tensor) -> None:
            # A branch around updates must be taken by all devices together.
            each = strategy.extended.call_for_each_replica
            tf.cond(
                strategy.experimental_local_results(spoilt)[0] > 0,
                lambda: each(self._overflowed),
                lambda: each(self._good, args=(update, *arguments)),
            )

        context.merge_call(on_all, args=(spoilt, gradients, *rates))

    def _good(self, update: Callable[..., None], gradients: list[tf.Tensor], *rates: tf.Tensor) -> None:
        update(gradients, *rates)
        doubles = self.good_steps + 1 >= STEPS_TO_DOUBLE
        self.scale.assign(tf.where(doubles, self.scale * 2, self.scale))
        self.good_steps.assign(tf.where(doubles, 0, self.good_steps + 1))

    def _overflowed(self) -> None:
        self.scale.assign(self.scale / 2)
        self.good_steps.assign(0)
        self.skipped.assign(self.skipped + 1)

    def noted(self) -> dict[str, float]:
        """For the history: the scale, and all steps skipped so far."""
        return {"loss_scale": float(self.scale.numpy()), "skipped": int(self.skipped.numpy())}

    def check(self, step: int, scale: float) -> None:
        """Ends a training whose gradients overflow whatever the scale.

        Args:
            step: 0-based, counted from stage 1.
            scale: after it.

        Raises:
            FailedForGoodError: the scale fell below 1.
        """
        if scale < 1:
            raise FailedForGoodError(
                f"gradients overflow float16 at step {step}, even unscaled ({self.skipped.numpy()} steps were skipped "
                "so far). Set training.precision to bfloat16 or float32, or lower the learning rate, and run again"
            )


def _number(value: float, dtype: str) -> keras.Variable:
    return keras.Variable(value, dtype=dtype, trainable=False, aggregation="only_first_replica")
