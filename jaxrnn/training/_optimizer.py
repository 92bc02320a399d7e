"""Optimizers as pytrees: their functions are static, and the numbers that were given to them are
arguments of a compiled function."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import optax
from jax.tree_util import Partial

from jaxrnn import _checks
from jaxrnn._platform import is_cpu
from jaxrnn._types import Params

Rule = Literal["sgd", "adam"]
OPTIMIZERS: dict[Rule, Callable[..., Any]] = {"sgd": optax.sgd, "adam": optax.adam}


def optimizer(
    rule: Rule | Callable[..., Any] | optax.GradientTransformation,
    learning_rate: float | optax.Schedule | None = None,
    clip: float | None = None,
) -> optax.GradientTransformationExtraArgs:
    """`rule` behind the clip rule: if ‖g‖ > θ, g ← g θ/‖g‖, with one norm over all parameters and
    no epsilon (θ = `clip`, None or infinity for no clipping; Pascanu et al. 2013).

    `rule` is ``"sgd"``, ``"adam"`` (Kingma & Ba 2015) or an optax function of a rate, such as
    ``optax.adamw``, and `learning_rate` a number, a `training.schedule` or a schedule of optax; or
    `rule` is an optax transformation, which has its own rate. Norms, moments and updates of 16-bit
    params are computed in float32.

    Raises ValueError for an unknown name, for a rate or clip that is not positive, and for a rate
    beside a transformation; TypeError for a rate or clip that is no number, and for another rule.

    >>> import optax
    >>> from jaxrnn import training
    >>> adam = training.optimizer("adam", 0.01, clip=1.0)
    >>> decayed = training.optimizer(optax.adamw, training.schedule("cosine", 0.01, steps=100))
    >>> params = {"w": jnp.ones(3)}
    >>> updates, memory = adam.update({"w": jnp.ones(3)}, adam.init(params), params)
    >>> [round(float(update), 4) for update in updates["w"]]
    [-0.01, -0.01, -0.01]
    """
    if isinstance(rule, str):
        rule = OPTIMIZERS[_checks.one_of("optimizer", rule, get_args(Rule))]
    if not callable(rule):
        make = Partial(_itself, as_pytree(rule))
        if learning_rate is not None:
            raise ValueError(
                f"an optax transformation has a rate of its own: leave out `learning_rate`, got "
                f"{_checks.quote(learning_rate)}."
            )
    elif callable(learning_rate):
        make = Partial(rule, _as_leaves(learning_rate))
    else:
        make = Partial(rule, positive_number("learning_rate", learning_rate))
    theta = math.inf if clip is None else positive_number("clip", clip)
    clip = None if theta == math.inf else theta
    return optax.GradientTransformationExtraArgs(
        Partial(_init, make), Partial(_clip_and_update, make, clip)
    )


def learning_rate(of: Any, step: int) -> float:
    """The rate at the update that `step` updates precede, of a schedule, a number, or an optimizer
    that `optimizer` made of one. Raises ValueError for an optimizer that does not tell its rate,
    and a `step` below 0; TypeError for what is none of these, and a `step` that is no integer.

    >>> from jaxrnn import training
    >>> adam = training.optimizer("adam", training.schedule("linear", 0.5, steps=100, end=0.0))
    >>> training.learning_rate(adam, step=50)
    0.25
    """
    if isinstance(of, optax.GradientTransformation):
        of = _rate(of)
    if callable(of):
        step = _checks.not_negative("step", step)
        rate: Any = of(jnp.asarray(step, jnp.int32))
        return float(rate)
    return positive_number("learning_rate", of)


def as_pytree(optimizer: Any) -> optax.GradientTransformation:
    """An optax transformation that goes through `jax.jit` as an argument."""
    if isinstance(optimizer, optax.MultiSteps):
        optimizer = optimizer.gradient_transformation()
    if not isinstance(optimizer, optax.GradientTransformation):
        raise TypeError(
            f"an optimizer is an optax transformation, say training.optimizer('adam', 0.01), got "
            f"{_checks.quote(optimizer)}."
        )
    return jax.tree.map(lambda leaf: Partial(leaf) if callable(leaf) else leaf, optimizer)


def wide(tree: Any) -> Any:
    """Floats of less than 32 bits as float32: sums of squares need its range, small updates its
    digits."""

    def leaf(a: Any) -> Any:
        dtype = jnp.result_type(a)
        narrow = jnp.issubdtype(dtype, jnp.floating) and dtype.itemsize < 4
        return jnp.asarray(a, jnp.float32) if narrow else a

    return jax.tree.map(leaf, tree)


def norm(tree: Any) -> tuple[jax.Array, jax.Array]:
    """(s, ‖s tree‖): s is 1, or so small that no square overflows where one would."""
    plain = optax.tree.norm(tree)
    small = jnp.asarray(2.0 ** (-3 * jnp.finfo(plain.dtype).maxexp // 4), plain.dtype)

    def scaled() -> jax.Array:
        # Behind a barrier: else XLA squares the two apart, and 0 times infinity is NaN.
        factor = jax.lax.optimization_barrier(small)
        return optax.tree.norm(jax.tree.map(lambda a: a * factor.astype(a.dtype), tree))

    if is_cpu():
        branches = lambda: (small, scaled()), lambda: (jnp.ones_like(plain), plain)
        return jax.lax.cond(jnp.isinf(plain), *branches)
    overflows = jnp.isinf(plain)  # without a branch, which would wait for the device
    return jnp.where(overflows, small, 1), jnp.where(overflows, scaled(), plain)


def positive_number(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(
            f"`{name}` must be a positive number, got {_checks.quote(value)}."
        ) from None
    if not number > 0:
        raise ValueError(f"`{name}` must be positive, got {value}.")
    return number


def _as_leaves(schedule: Callable) -> Callable:
    """A schedule whose numbers are leaves of a pytree, such as `training.schedule`, is one already;
    any other is compared as the function that it is."""
    return Partial(schedule) if jax.tree_util.all_leaves([schedule]) else schedule


def _rate(optimizer: optax.GradientTransformation) -> Any:
    init: Any = optimizer.init
    make = init.args[0] if getattr(init, "func", None) is _init else None
    if make is None or make.func is _itself:
        raise ValueError(
            "an optax transformation keeps its rate to itself: ask `learning_rate` of its "
            "schedule, or of an optimizer such as training.optimizer('adam', schedule)."
        )
    return make.args[0]


def _itself(transformation: Any) -> Any:
    return transformation


def _init(make: Callable, params: Params) -> optax.OptState:
    return make().init(wide(params))


def _clip_and_update(make, clip, gradient, state, params=None, **extra):
    gradient = wide(gradient)
    if clip is not None:
        scale, length = norm(gradient)
        short = length < clip * scale

        def clipped(g: jax.Array) -> jax.Array:
            return jnp.where(short, g, g * scale.astype(g.dtype) / length.astype(g.dtype) * clip)

        gradient = jax.tree.map(clipped, gradient)
    rule = optax.with_extra_args_support(make())
    return rule.update(gradient, state, wide(params), **extra)
