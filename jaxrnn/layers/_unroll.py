"""A cell walked through time."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp

from jaxrnn import _checks, engine
from jaxrnn._axes import automatic
from jaxrnn._checks import MatmulDtype, quote
from jaxrnn._types import Carry, Cell, Params, When, brief
from jaxrnn.dropout import NONE, Dropout
from jaxrnn.engine import Engine, Keep
from jaxrnn.engine._when import forwards
from jaxrnn.layers._walk import walk

Padding = Literal["zero", "held"]


@dataclasses.dataclass(frozen=True)
class Unroll:
    """A cell walked through time: the loop ::

        for t in range(T):                       # reversed(range(T)) with `reverse`
            carry, ys[t] = cell.step(params, carry, xs[t])

    compiled as one `lax.scan`. See :func:`unroll`, also for what is refused.

    >>> layer = jaxrnn.unroll(jaxrnn.gru(5))
    >>> layer, layer.output_size
    (Unroll(cell=GRU(hidden_size=5)), 5)
    >>> params = layer.init(jax.random.key(0), input_size=3)
    >>> carry, ys = layer.apply(params, None, jnp.ones((6, 2, 3)))
    >>> carry, y = layer.step(params, carry, jnp.ones((2, 3)))
    >>> ys.shape, y.shape
    ((6, 2, 5), (2, 5))
    """

    cell: Cell
    reverse: bool = False
    padding: Padding = "zero"
    engine: Engine = "auto"
    keep: Keep = "gates"
    dropout: Dropout = NONE
    matmul_dtype: MatmulDtype | None = None

    def __post_init__(self) -> None:
        _checks.cell("unroll", self.cell)
        _checks.flag("reverse", self.reverse)
        _checks.one_of("padding", self.padding, get_args(Padding))
        _checks.one_of("keep", self.keep, get_args(Keep))
        _checks.one_of("engine", self.engine, get_args(Engine))
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
        return walk(self, params, carry, xs, (lengths, mask, resets), key)

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

    ``layer.apply(params, carry, xs, lengths=…, mask=…, resets=…, key=…)`` -> carry, ys
    (T, *batch, H), of xs (T, *batch, I) or token ids (T, *batch): `lengths` (*batch), integers, and
    `mask` (T, *batch), booleans, say which steps are valid, and are ANDed. At an invalid step the
    carry is held, the input is not read (it may be NaN; a `step` sees zeros in its place, and must
    be differentiable at them), and the output is `padding`: ``"zero"``, or ``"held"``, the last
    valid output. Under `jax.jit`, where no value can be refused, a length beyond T means T.
    `resets` (T, *batch), booleans: a document begins at t; a forward layer restarts from
    `initial_carry` before step t, a reversed one after it.

    ``layer.step(params, carry, x)`` is one instant of a forward walk, x (*batch, I) or ids (*batch)
    -> carry, y: to serve step by step, or as the body of a scan, ``partial(layer.step, params)``.
    `apply` reads xs of two axes as (T, I), without a batch: an instant of a batch, (B, I), is for
    `step`.

    `engine` is the way to walk. ``"auto"`` takes what was measured to be fast. ``"derived"`` has an
    adjoint that is made of the equation; ``"scan"`` is the plain `lax.scan` of `cell.step`. Of a
    cell that is linear in its carry, ``"associative"`` has no loop of T steps (Martin & Cundy
    2018), ``"chunked"`` one of some √T, and ``"sequential"`` one that only multiplies and adds.
    ``"newton"`` walks all of time at once where each unit of the carry sees itself alone (its
    Jacobian is diagonal, a small block for a unit of several leaves), linear or not: by iterations
    that start from a guess, 5 to 15 of them for most cells, each as much as a few walks all at once
    (Lim et al. 2024; Danieli et al. 2025). What has not settled to about 1,000 ulp after 50, as
    units of two states that the inputs throw to and fro, or chaos, is walked step by step, at the
    cost of both; how many it took, `jaxrnn.engine.newton_turns` tells. ``"auto"`` never takes it.
    All compute the same, and derivatives of every kind and order go through all.
    ``jaxrnn.engine.explain(cell)`` shows what was read, and the path that ``"auto"`` takes.

    `keep` says what the forward pass keeps for the backward one: ``"gates"``, all that it needs;
    ``"carries"``, from which the gates are computed again, those of about √T steps side by side;
    ``"chunks"``, a carry for each of at most about √T chunks, each walked again (Chen et al. 2016).
    See :func:`jaxrnn.estimate_bytes`.

    `dropout` is a :class:`Dropout`, drawn from `key`. Without a key the layer is deterministic.

    With `matmul_dtype` ``"bfloat16"`` (or ``"float16"``) the operands of every matrix product of
    the cell are rounded to it and summed in float32 (not those inside its own `lax.scan`, `cond`
    or `while_loop`); params, carries, outputs and gradients keep their dtype. The smallest
    gradients vanish in float16: scale the loss.

    Raises TypeError for what is no cell, no bool, no dtype and no `Dropout`, and ValueError for an
    option that is not told here. `apply` raises ValueError for an `engine` that does not fit the
    cell, for lengths outside 0…T, and for shapes and carries that do not fit; TypeError for another
    dtype, and for token ids where the cell does not say that it takes them. `step` of a reversed
    layer raises ValueError. What jaxrnn's cells refuse, :class:`LSTM` tells.

    >>> layer = jaxrnn.unroll(jaxrnn.gru(5), padding="held")
    >>> params = layer.init(jax.random.key(0), input_size=3)
    >>> xs = jnp.ones((6, 2, 3))                                   # (T, B, I)
    >>> carry, ys = layer.apply(params, None, xs, lengths=jnp.array([6, 4]))
    >>> ys.shape, bool((ys[3, 1] == ys[5, 1]).all())
    ((6, 2, 5), True)
    """
    return Unroll(cell, reverse, padding, engine, keep, dropout, matmul_dtype)
