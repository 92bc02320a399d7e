"""Regularisation of a walk: masks drawn from one key, before the walk begins."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxrnn import _checks
from jaxrnn._axes import automatic
from jaxrnn._types import Carry, Params, brief


@dataclasses.dataclass(frozen=True)
class Dropout:
    """What an `unroll` drops while it is given a ``key``; every field is a rate in [0, 1).

    inputs     variational input dropout: one mask (*batch, I) for all of time. Of token ids, whole
               words: one mask (*batch, V) (Gal & Ghahramani 2016).
    recurrent  variational recurrent dropout: one mask (*batch, H) for all of time, on h as the
               recurrent products see it (the same paper; the z ⊙ h of a GRU sees all of h).
    weights    weight drop: one mask on w_h, for the whole batch (Merity et al. 2018).
    zoneout    each unit of the carry holds its old value at each step with this probability; one
               rate for all of floats, or one for each leaf of the carry in its order, (h, c) for an
               LSTM, and the output is the new h (Krueger et al. 2017).

    What is kept of the first three is scaled by 1 / (1 - rate), so that without a key, nothing is
    dropped and nothing scaled; zoneout without a key takes its expectation,
    rate ⊙ old + (1 - rate) ⊙ new. Both are deterministic. Masks do not change within a row, also
    where `resets` begin another document. Zoneout needs a cell whose y is the h of its carry. Under
    `jax.shard_map` or `jax.vmap` over the batch, one key means the same masks on every part: fold
    `jax.lax.axis_index` into it.
    """

    inputs: float = 0.0
    recurrent: float = 0.0
    weights: float = 0.0
    zoneout: float | tuple[float, ...] = 0.0

    __repr__ = brief

    def __post_init__(self):
        for name in ("inputs", "recurrent", "weights"):
            object.__setattr__(self, name, rate(name, getattr(self, name)))
        if isinstance(self.zoneout, (tuple, list)):
            rates = tuple(rate("zoneout", each) for each in self.zoneout)
            object.__setattr__(self, "zoneout", rates)
        else:
            object.__setattr__(self, "zoneout", rate("zoneout", self.zoneout))

    def draw(
        self, key: jax.Array | None, params: Params, carry: Carry, xs: jax.Array
    ) -> tuple[Params, jax.Array, jax.Array | None, Any]:
        """(params, xs, kept, zone) as the walk is to see them; kept and zone are None for nothing
        to drop."""
        _checks.key(key)
        if key is None:
            return params, xs, None, self._zone(None, carry, xs.shape[0])
        key_inputs, key_recurrent, key_weights, key_zone = jax.random.split(key, 4)
        kept = None
        if self.inputs:
            params, xs = _drop_inputs(key_inputs, self.inputs, params, xs)
        if self.weights:
            w_h = _of(params, "w_h", "weights")
            w_h = w_h * scaled_mask(key_weights, self.weights, w_h.shape, w_h.dtype)
            params = dataclasses.replace(params, w_h=w_h)
        if self.recurrent:
            h = _of(carry, "h", "recurrent")
            kept = scaled_mask(key_recurrent, self.recurrent, h.shape, h.dtype)
        return params, xs, kept, self._zone(key_zone, carry, xs.shape[0])

    def _zone(self, key: jax.Array | None, carry: Carry, steps: int) -> Any:
        if not np.any(self.zoneout):
            return None
        _of(carry, "h", "zoneout")
        leaves, tree = jax.tree.flatten(carry)
        rates = self.zoneout
        if not isinstance(rates, tuple):
            rates = [rates if jnp.issubdtype(a.dtype, jnp.floating) else 0.0 for a in leaves]
        if len(rates) != len(leaves):
            raise ValueError(
                f"`zoneout` has {len(rates)} rates, but the carry {_checks.spell(carry)} has "
                f"{len(leaves)} leaves: give one rate, or one for each."
            )
        if key is None:
            zones = [jnp.full((steps,), p, a.dtype) for p, a in zip(rates, leaves, strict=True)]
        else:
            zones = [
                jax.random.bernoulli(k, p, (steps, *a.shape)).astype(a.dtype)
                for k, p, a in zip(jax.random.split(key, len(leaves)), rates, leaves, strict=True)
            ]
        return jax.tree.unflatten(tree, zones)


def rate(name: str, value: Any) -> float:
    """`value` as a float in [0, 1), or a sentence that quotes it."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
        raise TypeError(f"`{name}` must be a rate in [0, 1), got {_checks.quote(value)}.")
    if not 0 <= value < 1:
        raise ValueError(f"`{name}` must be a rate in [0, 1), got {value}.")
    return float(value)


NONE = Dropout()


def scaled_mask(key: jax.Array, rate: float, shape: tuple[int, ...], dtype: Any) -> jax.Array:
    """Zero with probability `rate`, else 1 / (1 - rate)."""
    kept = jax.random.bernoulli(key, 1 - rate, shape)
    return jnp.where(kept, 1 / (1 - rate), 0).astype(dtype)


def drop(key: jax.Array | None, rate: float, xs: jax.Array) -> jax.Array:
    """xs, each number zero with probability `rate`, else scaled by 1 / (1 - rate)."""
    if key is None:
        return xs

    def dropped(key, xs):
        return xs * scaled_mask(key, rate, xs.shape, xs.dtype)

    return automatic(dropped, xs, lambda split: split(slice(None)))(key, xs)


def _drop_inputs(key, rate: float, params: Params, xs: jax.Array) -> tuple[Params, jax.Array]:
    if not _checks.is_tokens(xs):
        mask = scaled_mask(key, rate, xs.shape[1:], xs.dtype)
        return params, xs * mask[None]
    w_x, ids = _of(params, "w_x", "inputs"), _checks.wide(xs)
    kept = jax.random.bernoulli(key, 1 - rate, (*ids.shape[1:], w_x.shape[0]))
    known = jnp.moveaxis(jnp.clip(ids, 0, w_x.shape[0] - 1), 0, -1)
    picked = jnp.moveaxis(jnp.take_along_axis(kept, known, axis=-1), -1, 0)
    w_x = w_x / (1 - rate)
    return dataclasses.replace(params, w_x=w_x), jnp.where(picked, ids, w_x.shape[0])


def _of(tree: Any, name: str, what: str) -> jax.Array:
    """The leaf of that name, which this kind of dropout works on."""
    if not hasattr(tree, name):
        raise TypeError(
            f"Dropout({what}=…) works on `{name}`, which {type(tree).__name__} does not have."
        )
    return getattr(tree, name)
