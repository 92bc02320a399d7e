"""Regularisation of a walk: masks drawn from one key, before the walk begins."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxrnn import _checks
from jaxrnn._axes import automatic
from jaxrnn._types import Carry, brief
from jaxrnn.engine import Masks, Places

training_without_key: Any = jax.make_user_context(False)
"""Whether `training.epoch` runs without a key. JAX caches traces by it too: so a function that was
traced elsewhere is looked at again."""


@dataclasses.dataclass(frozen=True)
class Dropout:
    """What an `unroll` drops while it is given a ``key``; every field is a rate in [0, 1).

    inputs     variational input dropout: one mask (*batch, I) for all of time. Of token ids, whole
               words: one mask (*batch, V) (Gal & Ghahramani 2016).
    recurrent  variational recurrent dropout: one mask (*batch, H) for all of time, on h as the
               products of the carry see it (the same paper; the z ⊙ h of a GRU sees all of h).
    weights    weight drop: one mask on each weight of these products, for the whole batch (Merity
               et al. 2018).
    zoneout    each unit of the carry holds its old value at each step with this probability; one
               rate for all of floats, or one for each leaf of the carry in its order, (h, c) for an
               LSTM, 0 for one that is no float (Krueger et al. 2017). Where y is a leaf of the new
               carry, it stays that leaf.

    The products, of the carry with a param, are found by reading the cell's `step`: any cell will
    do that has them, and not only inside its own `lax.scan`, `cond` or `while_loop`.

    What is kept of the first three is scaled by 1 / (1 - rate), so that without a key, nothing is
    dropped and nothing scaled; zoneout without a key takes its expectation,
    rate ⊙ old + (1 - rate) ⊙ new. Both are deterministic. Masks do not change within a row, also
    where `resets` begin another document. Under `jax.shard_map` or `jax.vmap` over the batch, one
    key means the same masks on every part: fold `jax.lax.axis_index` into it.

    Raises TypeError for a rate that is no number, ValueError for one outside [0, 1). The layer
    raises TypeError where there are no such products, and for words that are no rows of one table;
    ValueError for rates of `zoneout` that do not fit the carry.

    >>> layer = jaxrnn.unroll(jaxrnn.lstm(5), dropout=jaxrnn.Dropout(inputs=0.2, recurrent=0.2))
    >>> params = layer.init(jax.random.key(0), input_size=3)
    >>> xs = jnp.ones((6, 2, 3))
    >>> _, training = layer.apply(params, None, xs, key=jax.random.key(1))
    >>> _, plain = layer.apply(params, None, xs)
    >>> bool(jnp.allclose(training, plain))
    False
    """

    inputs: float = 0.0
    recurrent: float = 0.0
    weights: float = 0.0
    zoneout: float | tuple[float, ...] = 0.0

    __repr__ = brief

    def __post_init__(self) -> None:
        for name in ("inputs", "recurrent", "weights"):
            object.__setattr__(self, name, rate(name, getattr(self, name)))
        if isinstance(self.zoneout, (tuple, list)):
            rates = tuple(rate("zoneout", each) for each in self.zoneout)
            object.__setattr__(self, "zoneout", rates)
        else:
            object.__setattr__(self, "zoneout", rate("zoneout", self.zoneout))

    def draw(
        self, key: jax.Array | None, carry: Carry, xs: jax.Array, read: Callable[[], Places] | None
    ) -> tuple[jax.Array, Masks, Any]:
        """(xs, masks, zone) as the walk is to see them; zone is None for none. `read` tells where
        masks can be laid, and is asked only where some are."""
        _checks.key(key)
        if key is None:
            if any(np.any(getattr(self, field.name)) for field in dataclasses.fields(self)):
                _may_do_without(self)
            return xs, Masks(), self._zone(None, carry, xs.shape[0])
        key_inputs, key_recurrent, key_weights, key_zone = jax.random.split(key, 4)
        zone = self._zone(key_zone, carry, xs.shape[0])
        words = self.inputs and _checks.is_tokens(xs)
        if self.inputs and not words:
            xs = xs * scaled_mask(key_inputs, self.inputs, xs.shape[1:], xs.dtype)[None]
        if read is None or not (words or self.recurrent or self.weights):
            return xs, Masks(), zone
        places, rows = read(), None
        if words:
            table = self._table(places.rows)
            rows = scaled_mask(key_inputs, self.inputs, (*xs.shape[1:], *table.shape), table.dtype)
        operands = self._masks("recurrent", key_recurrent, [*places.operands.values()])
        weights = self._masks("weights", key_weights, [*places.weights.values()])
        return xs, Masks(operands, weights, rows), zone

    def _table(self, rows: list) -> Any:
        if len(rows) != 1:
            raise TypeError(
                f"Dropout(inputs={self.inputs}) of token ids works on the rows of one table that "
                f"they pick: there are {len(rows)}."
            )
        return rows[0]

    def _masks(self, field: str, key: jax.Array, forms: list) -> tuple[jax.Array, ...]:
        rate = getattr(self, field)
        if not rate:
            return ()
        if not forms:
            raise TypeError(
                f"Dropout({field}={rate}) works on products of the carry with a param, as "
                f"`jaxrnn.engine.explain` tells them: there are none."
            )
        keys = jax.random.split(key, len(forms))
        return tuple(
            scaled_mask(k, rate, a.shape, a.dtype) for k, a in zip(keys, forms, strict=True)
        )

    def _zone(self, key: jax.Array | None, carry: Carry, steps: int) -> Any:
        if not np.any(self.zoneout):
            return None
        leaves, tree = jax.tree.flatten(carry)
        rates, floats = self.zoneout, [jnp.issubdtype(a.dtype, jnp.inexact) for a in leaves]
        if not isinstance(rates, tuple):
            rates = [rates if is_float else 0.0 for is_float in floats]
        if len(rates) != len(leaves):
            raise ValueError(
                f"`zoneout` has {len(rates)} rates, but the carry {_checks.spell(carry)} has "
                f"{len(leaves)} leaves: give one rate, or one for each."
            )
        for p, a, is_float in zip(rates, leaves, floats, strict=True):
            if p and not is_float:
                raise ValueError(
                    f"`zoneout` holds floats, but its rate {p} is for {a.dtype}{a.shape} in the "
                    f"carry {_checks.spell(carry)}: give that leaf 0."
                )
        keys = [None] * len(leaves) if key is None else jax.random.split(key, len(leaves))
        zones = [
            _zone(k, p, steps, a) if is_float else jnp.zeros((steps,))
            for k, p, a, is_float in zip(keys, rates, leaves, floats, strict=True)
        ]
        return jax.tree.unflatten(tree, zones)


def _zone(key: jax.Array | None, rate: float, steps: int, a: jax.Array) -> jax.Array:
    dtype = a.real.dtype
    if key is None:
        return jnp.full((steps,), rate, dtype)
    return jax.random.bernoulli(key, rate, (steps, *a.shape)).astype(dtype)


def rate(name: str, value: Any) -> float:
    """`value` as a float in [0, 1), or a sentence that quotes it."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
        raise TypeError(f"`{name}` must be a rate in [0, 1), got {_checks.quote(value)}.")
    if not 0 <= value < 1:
        raise ValueError(f"`{name}` must be a rate in [0, 1), got {value}.")
    return float(value)


NONE = Dropout()


def _may_do_without(dropout: Any) -> None:
    if training_without_key.value:
        raise ValueError(
            f"a layer with dropout ({dropout}) is trained without a key: give `training.epoch` a "
            f"`key`, another each epoch, which its loss hands to the layer, or train a layer that "
            f"drops nothing."
        )


def scaled_mask(key: jax.Array, rate: float, shape: tuple[int, ...], dtype: Any) -> jax.Array:
    """Zero with probability `rate`, else 1 / (1 - rate)."""
    kept = jax.random.bernoulli(key, 1 - rate, shape)
    return jnp.where(kept, 1 / (1 - rate), 0).astype(dtype)


def drop(key: jax.Array | None, rate: float, xs: jax.Array) -> jax.Array:
    """xs, each number zero with probability `rate`, else scaled by 1 / (1 - rate)."""
    if key is None:
        _may_do_without(rate)
        return xs

    def dropped(key, xs):
        return xs * scaled_mask(key, rate, xs.shape, xs.dtype)

    return automatic(dropped, xs, lambda split: split(slice(None)))(key, xs)
