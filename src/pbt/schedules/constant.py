"""One hyperparameter over steps, as a function, and as the schedulers of PyTorch and Optax."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any

from pbt.errors import SettingsError
from pbt.space.numbers import measured
from pbt.space.values import Value


class PiecewiseConstant:
    """A hyperparameter as a function of the steps done, 0 or more; after the last change it stays.

    Attributes:
        name: of the hyperparameter.
        steps: from which each value holds, ascending, the first 0.
        values: one for each step.
    """

    def __init__(self, name: str, steps: Sequence[int], values: Sequence[Value]) -> None:
        self.name = name
        self.steps = tuple(steps)
        self.values = tuple(values)

    def __call__(self, step: float) -> Any:
        """The value with which training goes on after `step` steps.

        Raises:
            SettingsError: a negative step.
        """
        return self.values[bisect_right(self.steps, not_negative(step)) - 1]

    def lambda_lr(self, optimizer: Any, done: int = 0, scales: Sequence[float] | None = None) -> Any:
        """A ``torch.optim.lr_scheduler.LambdaLR`` that gives the optimizer exactly these learning rates.

        The values are the multipliers and the base is 1, so no rounding comes in between. Call its ``step()`` once for
        each step of the schedule; the optimizer has the rate for the next one then.

        Args:
            optimizer: whatever learning rates it has, they are replaced.
            done: steps done already, 0 or more, where training goes on.
            scales: a factor for each parameter group; None: 1 for all.

        Raises:
            SettingsError: a value is no number; there are not as many scales as groups.
        """
        from torch.optim.lr_scheduler import LambdaLR

        self._numbers()
        groups = optimizer.param_groups
        bases = [1.0] * len(groups) if scales is None else [float(scale) for scale in scales]
        if len(bases) != len(groups):
            raise SettingsError(f"{len(bases)} scales for {len(groups)} parameter groups: give one for each")
        for group, base in zip(groups, bases, strict=True):
            group["lr"] = group["initial_lr"] = base

        def multiplier(epoch: int) -> float:
            return float(self(epoch))

        return LambdaLR(optimizer, multiplier, last_epoch=int(not_negative(done)) - 1)

    def optax(self) -> Callable[[Any], Any]:
        """An Optax schedule: from the count of updates, an integer, to the value, also of arrays and under `jax.jit`.

        A count below 0 gives the first value, since compiled code can not refuse it.

        Raises:
            SettingsError: a value is no number.
        """
        import jax.numpy as jnp

        numbers = self._numbers()

        def schedule(count: Any) -> Any:
            at = jnp.searchsorted(jnp.asarray(self.steps), jnp.maximum(count, 0), side="right") - 1
            return jnp.asarray(numbers)[at]

        return schedule

    def _numbers(self) -> list[Any]:
        for value in self.values:
            if type(value) not in (int, float):
                raise SettingsError(f"{self.name} is {value!r} somewhere: only numbers can drive a learning rate")
        return list(self.values)

    def __repr__(self) -> str:
        return f"<{self.name}: {len(self.values)} values from step 0 to {self.steps[-1]}>"


def not_negative(step: Any) -> float:
    """A number of steps.

    Raises:
        SettingsError: it is no number, or below 0.
    """
    found = measured(step, "the step", SettingsError)
    if not found >= 0:
        raise SettingsError(f"the step is {found:g}: steps are counted from 0, how many are done")
    return found
