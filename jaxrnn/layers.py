"""unroll, stack, bidirectional: walks through time, and ways to combine them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp

from jaxrnn import _checks, engine
from jaxrnn._axes import automatic
from jaxrnn._checks import quote
from jaxrnn._types import Carry, Cell, Layer, Params, When, brief
from jaxrnn.dropout import NONE, Dropout, drop, rate
from jaxrnn.engine import Engine, Keep
from jaxrnn.engine._when import forwards

Padding = Literal["zero", "held"]
MatmulDtype = Literal["bfloat16", "float16"]


@dataclasses.dataclass(frozen=True)
class Unroll:
    """A cell walked through time: the loop ::

        for t in range(T):                       # reversed(range(T)) with `reverse`
            carry, ys[t] = cell.step(params, carry, xs[t])

    compiled as one `lax.scan`. See :func:`unroll`.
    """

    cell: Cell
    reverse: bool = False
    padding: Padding = "zero"
    engine: Engine = "auto"
    keep: Keep = "gates"
    dropout: Dropout = NONE
    matmul_dtype: MatmulDtype | None = None

    def __post_init__(self):
        _checks.cell("unroll", self.cell)
        _checks.flag("reverse", self.reverse)
        _checks.one_of("padding", self.padding, get_args(Padding))
        _checks.one_of("keep", self.keep, engine.KEEPS)
        _checks.one_of("engine", self.engine, engine.ENGINES)
        object.__setattr__(self, "matmul_dtype", _checks.narrow("matmul_dtype", self.matmul_dtype))
        if not isinstance(self.dropout, Dropout):
            raise TypeError(f"`dropout` must be a jaxrnn.Dropout, got {quote(self.dropout)}.")

    __repr__ = brief

    @property
    def output_size(self) -> int:
        return self.cell.output_size

    def init(self, key: jax.Array, input_size: int, dtype: Any = None) -> Params:
        return self.cell.init(key, input_size, dtype)

    def initial_carry(self, params: Params, batch_shape: tuple[int, ...] = ()) -> Carry:
        return self.cell.initial_carry(params, _checks.batch_shape(batch_shape))

    def step(self, params: Params, carry: Carry | None, x: jax.Array) -> tuple[Carry, jax.Array]:
        """x (*batch, I), or token ids (*batch) -> carry, y (*batch, H): one instant, as `apply`
        walks it without a key; ``functools.partial(layer.step, params)`` is a scan's body.

        A carry of None means the initial one. Raises ValueError for a reversed layer.
        """
        if self.reverse:
            raise ValueError(
                f"a reversed layer walks from the end of time, and {quote(self)} cannot go one "
                f"step at a time: take `apply`, or a layer that walks forwards."
            )
        _checks.arrays("params", params)
        _checks.arrays("carry", carry)
        x = _checks.wide(x) if _checks.reads_tokens(self.cell, x) else jnp.asarray(x)
        before = self._carry(params, carry, _checks.batch_shape_of(x, time_axes=0))
        step = self.cell.step
        if self.matmul_dtype is not None:
            step = engine.rounded(self.cell, self.matmul_dtype, params, before, x)
        *_, zone = self.dropout.draw(None, before, x[None], None)
        when = When(zone=jax.tree.map(lambda rates: rates[0], zone))
        after, y = forwards(partial(step, params), before, reverse=False)(before, (x, when))
        return after, y

    def apply(
        self,
        params: Params,
        carry: Carry | None,
        xs: jax.Array,
        *,
        lengths: Any = None,
        mask: Any = None,
        resets: Any = None,
        key: jax.Array | None = None,
    ) -> tuple[Carry, jax.Array]:
        """xs (T, *batch, I), or token ids (T, *batch) -> final carry, ys (T, *batch, H).

        A carry of None means the initial one. See :func:`unroll` for the rest.
        """
        _checks.reads_tokens(self.cell, xs)
        return _walk(self, params, carry, xs, (lengths, mask, resets), key)

    def _walk(self, params, carry, xs, when: When, key) -> tuple[Carry, jax.Array]:
        batch_shape = _checks.batch_shape_of(xs)
        carry, batch = self._carry(params, carry, batch_shape), slice(1, 1 + len(batch_shape))

        def out(split):
            return jax.tree.map(lambda _: split(batch), carry), split(slice(batch.stop))

        return automatic(self._drop_and_walk, xs, out)(params, carry, xs, when, key)

    def _drop_and_walk(self, params, carry, xs, when: When, key) -> tuple[Carry, jax.Array]:
        def places():
            return engine.Places(engine.read(self.cell, params, carry, xs[0]))

        xs, masks, zone = self.dropout.draw(key, carry, xs, places)
        carry, ys = engine.walk(
            self.cell,
            params,
            carry,
            xs,
            when._replace(zone=zone),
            masks=masks,
            matmul_dtype=self.matmul_dtype,
            reverse=self.reverse,
            engine=self.engine,
            keep=self.keep,
        )
        if self.padding == "held" and when.valid is not None:
            ys = engine.hold(when.valid, ys, self.reverse)
        return carry, ys

    def _carry(self, params: Params, carry: Carry | None, batch_shape: tuple[int, ...]) -> Carry:
        if carry is None:
            return self.cell.initial_carry(params, batch_shape)
        want = jax.eval_shape(lambda p: self.cell.initial_carry(p, batch_shape), params)
        advice = "take it from `initial_carry`, or from the last call of the same layer."
        _checks.same_form(f"the carry given to {quote(self.cell)}", carry, want, advice)
        return carry


@dataclasses.dataclass(frozen=True)
class Bidirectional:
    """Two walks over the same xs, one each way; ys are [forward, backward] along the features.
    Params and carries are pairs (forward, backward). See :func:`bidirectional`."""

    forward: Unroll
    backward: Unroll

    def __post_init__(self):
        for layer, reverse in ((self.forward, False), (self.backward, True)):
            if not isinstance(layer, Unroll) or layer.reverse is not reverse:
                raise TypeError(
                    f"Bidirectional needs an Unroll and a reversed one, got {quote(layer)}: "
                    f"`bidirectional` makes both of cells."
                )

    __repr__ = brief

    @property
    def output_size(self) -> int:
        return self.forward.output_size + self.backward.output_size

    def init(self, key: jax.Array, input_size: int, dtype: Any = None) -> Params:
        _checks.given_key(key)
        key_forward, key_backward = jax.random.split(key)
        return (
            self.forward.init(key_forward, input_size, dtype),
            self.backward.init(key_backward, input_size, dtype),
        )

    def initial_carry(self, params: Params, batch_shape: tuple[int, ...] = ()) -> Carry:
        _same_count("params", params, 2, self)
        return tuple(
            layer.initial_carry(p, batch_shape)
            for layer, p in zip((self.forward, self.backward), params, strict=True)
        )

    def step(self, params: Params, carry: Carry | None, x: jax.Array) -> tuple[Carry, jax.Array]:
        """Raises ValueError: what comes later is not there yet."""
        raise ValueError(
            f"a bidirectional layer reads each sequence from its end too, and {quote(self)} cannot "
            f"go one step at a time: take `apply`, or layers that walk forwards."
        )

    def apply(
        self,
        params: Params,
        carry: Carry | None,
        xs: jax.Array,
        *,
        lengths: Any = None,
        mask: Any = None,
        resets: Any = None,
        key: jax.Array | None = None,
    ) -> tuple[Carry, jax.Array]:
        """xs (T, *batch, I), or token ids (T, *batch) -> carries, ys (T, *batch, output_size)."""
        return _walk(self, params, carry, xs, (lengths, mask, resets), key)

    def _walk(self, params, carry, xs, when: When, key) -> tuple[Carry, jax.Array]:
        _same_count("params", params, 2, self)
        carry = _carries(carry, 2, self)
        walks = [
            layer.apply(p, c, xs, mask=when.valid, resets=when.fresh, key=k)
            for layer, p, c, k in zip(
                (self.forward, self.backward), params, carry, _keys(key, 2), strict=True
            )
        ]
        (carry_forward, ys_forward), (carry_backward, ys_backward) = walks
        ys = jnp.concatenate([ys_forward, ys_backward], axis=-1)
        return (carry_forward, carry_backward), ys


@dataclasses.dataclass(frozen=True)
class Stack:
    """Layers one on the other: each reads the ys of the one below.
    Params and carries are tuples, bottom first. See :func:`stack`."""

    layers: tuple[Layer, ...]
    dropout: float = 0.0

    def __post_init__(self):
        object.__setattr__(self, "dropout", rate("dropout", self.dropout))
        object.__setattr__(self, "layers", tuple(self.layers))
        if not self.layers:
            raise ValueError("stack needs at least one layer, got none.")
        for layer in self.layers:
            _checks.layer("stack", layer)

    __repr__ = brief

    @property
    def output_size(self) -> int:
        return self.layers[-1].output_size

    def init(self, key: jax.Array, input_size: int, dtype: Any = None) -> Params:
        _checks.given_key(key)
        keys = jax.random.split(key, len(self.layers))
        sizes = (input_size, *(layer.output_size for layer in self.layers[:-1]))
        return tuple(
            layer.init(k, size, dtype)
            for layer, k, size in zip(self.layers, keys, sizes, strict=True)
        )

    def initial_carry(self, params: Params, batch_shape: tuple[int, ...] = ()) -> Carry:
        _same_count("params", params, len(self.layers), self)
        return tuple(
            layer.initial_carry(p, batch_shape)
            for layer, p in zip(self.layers, params, strict=True)
        )

    def step(self, params: Params, carry: Carry | None, x: jax.Array) -> tuple[Carry, jax.Array]:
        """x (*batch, I), or token ids (*batch) -> carries, y (*batch, output_size): one instant, as
        `apply` walks it without a key. See :meth:`Unroll.step`.

        Raises TypeError for a layer without `step`, ValueError where one does not walk forwards.
        """
        depth, carries = len(self.layers), []
        _same_count("params", params, depth, self)
        for layer, p, c in zip(self.layers, params, _carries(carry, depth, self), strict=True):
            step = getattr(layer, "step", None)
            if step is None:
                raise TypeError(f"`step` needs one of each layer, and {quote(layer)} has none.")
            c, x = step(p, c, x)
            carries.append(c)
        return tuple(carries), x

    def apply(
        self,
        params: Params,
        carry: Carry | None,
        xs: jax.Array,
        *,
        lengths: Any = None,
        mask: Any = None,
        resets: Any = None,
        key: jax.Array | None = None,
    ) -> tuple[Carry, jax.Array]:
        """xs (T, *batch, I), or token ids (T, *batch) -> carries, ys (T, *batch, output_size)."""
        return _walk(self, params, carry, xs, (lengths, mask, resets), key)

    def _walk(self, params, carry, xs, when: When, key) -> tuple[Carry, jax.Array]:
        _same_count("params", params, len(self.layers), self)
        depth, carries = len(self.layers), []
        keys, keys_between = _keys(key, depth), _keys(key, depth, salt=1)
        for i, (layer, p, c) in enumerate(
            zip(self.layers, params, _carries(carry, depth, self), strict=True)
        ):
            if i and self.dropout:
                xs = drop(keys_between[i], self.dropout, xs)
            noise = {"key": keys[i]} if _checks.takes_key(layer) else {}
            c, xs = layer.apply(p, c, xs, mask=when.valid, resets=when.fresh, **noise)
            carries.append(c)
        return tuple(carries), xs


def _walk(layer: Any, params: Params, carry: Carry | None, xs: Any, when: tuple, key: Any) -> Any:
    """`layer._walk` of checked arguments, compiled once for each layer and form of these: a layer
    is a value. `when`: lengths, mask and resets as they were given."""
    _checks.key(key)
    _checks.arrays("params", params)
    _checks.arrays("carry", carry)
    batch_shape = _checks.batch_shape_of(xs)
    xs = _checks.wide(xs) if _checks.is_tokens(xs) else jnp.asarray(xs)
    walk = _compiled if _is_value(layer) else type(layer)._walk
    return walk(layer, params, carry, xs, engine.when((xs.shape[0], *batch_shape), *when), key)


@partial(jax.jit, static_argnums=0)
def _compiled(layer, params, carry, xs, when, key):
    return layer._walk(params, carry, xs, when, key)


def _is_value(layer: Any) -> bool:
    try:
        hash(layer)
    except TypeError:
        return False  # a cell of one's own that cannot be hashed
    return True


def _keys(key: jax.Array | None, count: int, salt: int = 0) -> list[jax.Array | None]:
    if key is None:
        return [None] * count
    return list(jax.random.split(key, (2, count))[salt])


def _same_count(what: str, got: Any, count: int, layer: Any) -> None:
    plain = isinstance(got, tuple) and not hasattr(got, "_fields")
    if not plain or len(got) != count:
        form = f"a tuple of {len(got)}" if plain else type(got).__name__
        raise ValueError(f"{what} must be a tuple of {count} for {quote(layer)}, got {form}.")


def _carries(carry: Carry | None, count: int, layer: Any) -> tuple:
    if carry is None:
        return (None,) * count
    _same_count("the carry", carry, count, layer)
    return carry


def unroll(
    cell: Cell,
    reverse: bool = False,
    *,
    padding: Padding = "zero",
    engine: Engine = "auto",
    keep: Keep = "gates",
    dropout: Dropout = NONE,
    matmul_dtype: MatmulDtype | None = None,
) -> Unroll:
    """A cell as a layer that walks time, the leading axis; `reverse` walks it from the end
    (ys[t] still answers xs[t]).

    ``layer.apply(params, carry, xs, lengths=…, mask=…, resets=…, key=…)``: `lengths` (*batch) and
    `mask` (T, *batch) say which steps are valid, and are ANDed. At an invalid step the carry is
    held, the input is not read (it may be NaN; a `step` sees zeros in its place, and must be
    differentiable at them), and the output is `padding`: ``"zero"``, or
    ``"held"``, the last valid output. Under `jax.jit`, where no value can be refused, a length
    beyond T means T. `resets` (T, *batch): a document begins at t; a forward layer
    restarts from `initial_carry` before step t, a reversed one after it.

    ``layer.step(params, carry, x)`` is one instant of a forward walk, x (*batch, I) or ids (*batch)
    -> carry, y: to serve step by step, or as the body of a scan, ``partial(layer.step, params)``.
    `apply` reads xs of two axes as (T, I), without a batch: an instant of a batch, (B, I), is for
    `step`.

    `engine="scan"` forces the plain `lax.scan` of `cell.step`; derivatives of every kind and order
    go through every path. ``jaxrnn.engine.explain(cell)`` shows what was read and the path that
    ``"auto"`` takes.

    `keep` says what the forward pass keeps for the backward one: ``"gates"``, all that it needs;
    ``"carries"``, from which the gates are computed again, those of about √T steps side by side;
    ``"chunks"``, a carry for each of at most about √T chunks, each walked again.
    See :func:`jaxrnn.estimate_bytes`.

    `dropout` is a :class:`Dropout`, drawn from `key`. Without a key the layer is deterministic.

    With `matmul_dtype` ``"bfloat16"`` (or ``"float16"``) the operands of every matrix product of
    the cell are rounded to it and summed in float32; params, carries, outputs and gradients keep
    their dtype. The smallest gradients vanish in float16: scale the loss.
    """
    return Unroll(cell, reverse, padding, engine, keep, dropout, matmul_dtype)


def bidirectional(
    forward: Cell,
    backward: Cell | None = None,
    *,
    padding: Padding = "zero",
    engine: Engine = "auto",
    keep: Keep = "gates",
    dropout: Dropout = NONE,
    matmul_dtype: MatmulDtype | None = None,
) -> Bidirectional:
    """One cell for both directions (each with params of its own), or one for each
    (Schuster & Paliwal 1997). The options are those of :func:`unroll`."""
    backward = forward if backward is None else backward
    for cell in (forward, backward):
        _checks.cell("bidirectional", cell)
    how = padding, engine, keep, dropout, matmul_dtype
    return Bidirectional(Unroll(forward, False, *how), Unroll(backward, True, *how))


def stack(layers: Sequence[Layer], *, dropout: float = 0.0) -> Stack:
    """Layers -> one deep layer, bottom first. While a ``key`` is given, each number that goes from
    one layer to the next is dropped with probability `dropout` (Zaremba et al. 2014)."""
    if not isinstance(layers, Sequence):
        raise TypeError(f"stack needs a sequence of layers, bottom first, got {quote(layers)}.")
    return Stack(tuple(layers), dropout)
