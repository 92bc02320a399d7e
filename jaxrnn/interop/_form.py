"""The one form between jaxrnn and every other library: levels of walks, bottom first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, get_args

import jax
import jax.numpy as jnp
import numpy as np

from jaxrnn import cells
from jaxrnn._checks import one_of, quote
from jaxrnn._language_model import LanguageModel, LanguageModelParams
from jaxrnn._types import Params
from jaxrnn.cells._vanilla import Activation
from jaxrnn.layers import Bidirectional, Stack, Unroll, bidirectional, stack, unroll
from jaxrnn.layers._walk import same_count

CONTAINERS: dict[type, Any] = {
    cells.Vanilla: cells.VanillaParams,
    cells.GRU: cells.GRUParams,
    cells.LSTM: cells.LSTMParams,
}


class InteropError(ValueError):
    """What cannot be converted; one sentence names it, and says which option would fit. Also a
    library that is not installed, and a difference that `verify` found."""


def vanilla(what: str, H: int, activation: str | None, recurrent_bias: bool = False) -> Any:
    """The vanilla cell of that function; `what` names those weights in the sentence that asks for
    it where it is None."""
    if activation is None:
        raise InteropError(
            f"{what} does not tell its function: give activation='tanh' or activation='relu'."
        )
    known = one_of("activation", activation, get_args(Activation))
    return cells.vanilla(H, known, recurrent_bias=recurrent_bias)


class Walk(NamedTuple):
    """A cell with its params, walked forwards or backwards."""

    cell: Any
    params: Any
    reverse: bool = False


class Form(NamedTuple):
    """`levels` bottom first, each of one walk, or of two: there and back. `dropout` is that between
    levels. A language model has a `head` too, and may have an `embedding` (V, E); a `tied` head has
    the embedding's transpose for its weight. `alone`: it is a cell, and no layer."""

    levels: tuple[tuple[Walk, ...], ...]
    dropout: float = 0.0
    head: Any = None
    embedding: Any = None
    tied: bool = False
    alone: bool = False

    @property
    def walks(self) -> list[Walk]:
        return [walk for level in self.levels for walk in level]

    @property
    def alike(self) -> bool:
        """Whether all cells are one, and each level walks as the first does: there, or both ways.
        So a module of many levels has them in most libraries."""
        ways = {tuple(walk.reverse for walk in level) for level in self.levels}
        return len({walk.cell for walk in self.walks}) == 1 and ways <= {(False,), (False, True)}


def form_of(model: Any, params: Any) -> Form:
    """A cell, layer or language model taken apart, its params as NumPy arrays; what is around it
    but a stack is refused."""
    return _form_of(model, jax.tree.map(np.asarray, params))


def _form_of(model: Any, params: Any) -> Form:
    if isinstance(model, LanguageModel):
        if not isinstance(params, LanguageModelParams):
            raise TypeError(f"{quote(model)} needs LanguageModelParams, got {quote(params)}.")
        form = _form_of(model.layer, params.layer)
        return form._replace(head=params.head, embedding=params.embedding, tied=model.tied)
    if isinstance(model, Stack):
        same_count("params", params, len(model.layers), model)
        parts = [_form_of(layer, p) for layer, p in zip(model.layers, params, strict=True)]
        inner = {part.dropout for part in parts if len(part.levels) > 1} - {model.dropout}
        if inner:
            raise InteropError(f"{quote(model)} has stacks of another dropout within it.")
        return Form(tuple(level for part in parts for level in part.levels), model.dropout)
    if isinstance(model, Bidirectional):
        if model.merge != "concat":
            raise InteropError(
                f"{quote(model)} merges its directions by {model.merge!r}: only merge='concat' has "
                f"a counterpart everywhere."
            )
        there, back = (_form_of(*pair).walks[0] for pair in _directions(model, params))
        return Form(((there, back),))
    if isinstance(model, Unroll):
        _refuse_noise(model)
        return Form(((Walk(model.cell, params, model.reverse),),))
    if type(model) in cells.CELLS.values():
        return Form(((Walk(model, params),),), alone=True)
    raise InteropError(
        f"{quote(model)} has no counterpart elsewhere: cells, `unroll`, `bidirectional`, `stack` "
        f"and `language_model` have."
    )


def _directions(model: Bidirectional, params: Any) -> list[tuple[Unroll, Params]]:
    same_count("params", params, 2, model)
    return list(zip((model.forward, model.backward), params, strict=True))


def _refuse_noise(layer: Unroll) -> None:
    if layer.dropout != type(layer.dropout)():
        raise InteropError(
            f"{quote(layer)} has dropout within its steps, which no other library has: leave it "
            f"out for the exchange, or take the stack's own, `stack(…, dropout=…)`."
        )


def check_held(form: Form, library: str, known: tuple[type, ...], head: bool = False) -> None:
    """All cells are `known` to the library, and language models are where it has a `head`."""
    for walk in form.walks:
        if not isinstance(walk.cell, known):
            listed = ", ".join(sorted(cls.__name__ for cls in known))
            raise InteropError(f"{library} has no {quote(walk.cell)}: it has {listed}.")
    if form.head is not None and not head:
        raise InteropError(f"{library} has no language model: convert its layer, `lm.layer`.")


def model_of(form: Form) -> tuple[Any, Any]:
    """The model and its params: the inverse of `form_of`, but that a stack of one level is that
    level."""
    if form.alone:
        return form.walks[0].cell, form.walks[0].params
    _check_chain(form)
    layers, params = [], []
    for level in form.levels:
        if len(level) == 2:
            layers.append(bidirectional(level[0].cell, level[1].cell))
            params.append((level[0].params, level[1].params))
        else:
            layers.append(unroll(level[0].cell, reverse=level[0].reverse))
            params.append(level[0].params)
    deep = len(layers) > 1
    layer = stack(layers, dropout=form.dropout) if deep else layers[0]
    own = tuple(params) if deep else params[0]
    if form.head is None:
        return layer, own
    size = None if form.embedding is None else np.shape(form.embedding)[1]
    model = LanguageModel(layer, np.shape(form.head.b)[0], embedding=size, tied=form.tied)
    return model, LanguageModelParams(own, form.head, form.embedding)


def _check_chain(form: Form) -> None:
    """Each level reads what the one below gives."""
    if not form.levels:
        raise InteropError("there is no recurrent module to convert: none was named.")
    for k in range(1, len(form.levels)):
        if not hasattr(form.levels[k][0].params, "w_x"):
            continue  # what no library has
        gives = sum(walk.cell.output_size for walk in form.levels[k - 1])
        reads = np.shape(form.levels[k][0].params.w_x)[0]
        if reads != gives:
            raise InteropError(
                f"level {k + 1} reads {reads} features, but level {k} gives {gives}: they are no "
                f"stack, so convert each by itself."
            )


DROPPED = "dropout between levels is not carried over"
BATCH_FIRST = "xs are (T, B, I) here, time first, and (B, T, I) there"


def dropped(form: Form) -> set[str]:
    """The note of a library whose modules cannot drop what goes from level to level."""
    return {DROPPED} if form.dropout and len(form.levels) > 1 else set()


class Natives(NamedTuple):
    """A form in which the params of each cell, and of the head, are another library's arrays by its
    own names. `arrays` of it are a pytree."""

    form: Form

    @property
    def arrays(self) -> Any:
        form = self.form
        levels = [[walk.params for walk in level] for level in form.levels]
        return {"levels": levels, "head": form.head, "embedding": form.embedding}

    def read(self, arrays: Any, read_cell: Callable, read_head: Callable | None = None) -> Any:
        """Our params of such arrays; traceable."""
        return model_of(self._ours(arrays, read_cell, read_head))[1]

    def model(self, read_cell: Callable, read_head: Callable | None = None) -> Any:
        return model_of(self._ours(self.arrays, read_cell, read_head))[0]

    def _ours(self, arrays: Any, read_cell: Callable, read_head: Callable | None) -> Form:
        form = self.form
        levels = tuple(
            tuple(
                walk._replace(params=read_cell(walk.cell, native))
                for walk, native in zip(level, natives, strict=True)
            )
            for level, natives in zip(form.levels, arrays["levels"], strict=True)
        )
        head, table = arrays["head"], arrays["embedding"]
        if head is not None and read_head is not None:
            head = read_head(head)
        return form._replace(levels=levels, head=head, embedding=table)


def natives_of(form: Form, write_cell: Callable, write_head: Callable | None = None) -> Natives:
    """`form`, with another library's arrays in place of params: ``write_cell(cell, params)`` gives
    the cell that the library then has (its biases may be others), and the arrays."""
    for walk in form.walks:
        _check_params(walk.cell, walk.params)
    _check_chain(form)
    levels = tuple(
        tuple(
            walk._replace(**dict(zip(("cell", "params"), write_cell(*walk[:2]), strict=True)))
            for walk in level
        )
        for level in form.levels
    )
    head = form.head
    if head is not None and write_head is not None:
        head = write_head(head)
    return Natives(form._replace(levels=levels, head=head))


def _check_params(cell: Any, params: Any) -> None:
    """They are this cell's, or it says why not; of a cell that no library has, nothing."""
    if not isinstance(cell, (*CONTAINERS, cells.ProjectionLSTM, cells.PeepholeLSTM)):
        return

    def step(params: Any) -> Any:
        carry = cell.initial_carry(params)
        return cell.step(params, carry, jnp.zeros(params.w_x.shape[:1], params.w_x.dtype))

    jax.eval_shape(step, params)


def in_order(a: Any, gates: Sequence[int]) -> Any:
    """The columns of `a` (…, G·H) gate by gate, the ones at `gates` in their order."""
    wide = np.shape(a)[-1] // len(gates)
    xp = namespace(a)
    return xp.concatenate([a[..., g * wide : (g + 1) * wide] for g in gates], axis=-1)


def inverse(gates: Sequence[int]) -> list[int]:
    return [list(gates).index(g) for g in range(len(gates))]


def joined(parts: Sequence[Any]) -> Any:
    """Arrays one after the other along their last axis."""
    return namespace(parts[0]).concatenate(list(parts), axis=-1)


def namespace(a: Any) -> Any:
    """NumPy for what NumPy holds, else JAX's."""
    return np if isinstance(a, np.ndarray) else jnp
