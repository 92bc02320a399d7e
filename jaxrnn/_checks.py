"""One clear sentence for bad input: it quotes the value and says what to do."""

from __future__ import annotations

import operator
from inspect import signature
from typing import Any, Literal, cast, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jax import export

from jaxrnn._types import Cell, Layer
from jaxrnn._values import above_zero as above_zero
from jaxrnn._values import cut as cut
from jaxrnn._values import flag as flag
from jaxrnn._values import not_negative as not_negative
from jaxrnn._values import one_of as one_of
from jaxrnn._values import positive as positive
from jaxrnn._values import quote as quote

MatmulDtype = Literal["bfloat16", "float16"]


def _has(value: Any, walk: str) -> bool:
    """As `isinstance` of the protocol, which since Python 3.12 does not see what a wrapper hands on
    by `__getattr__`."""
    names = ("output_size", "init", "initial_carry", walk)
    return not isinstance(value, type) and all(hasattr(value, name) for name in names)


def is_layer(value: Any) -> bool:
    return _has(value, "apply")


def cell(who: str, value: Any) -> None:
    """A layer that has a `step` has all that a cell has, and is refused as a layer."""
    if is_layer(value) or not _has(value, "step"):
        raise TypeError(
            f"{who} needs a cell (init, initial_carry, step, output_size), got {quote(value)}."
        )


def layer(who: str, value: Any) -> None:
    if not is_layer(value):
        how = instead_of(value) or "`unroll` makes a cell a layer"
        raise TypeError(f"{who} needs a layer, got {quote(value)}: {how}.")


def model(who: str, value: Any) -> None:
    if isinstance(value, type) or not (hasattr(value, "layer") and hasattr(value, "vocab_size")):
        raise TypeError(
            f"{who} needs a language model, got {quote(value)}: `language_model` makes one of a "
            f"layer."
        )


def instead_of(value: Any) -> str:
    """What to take of a model, which has a layer and is none."""
    return "take its `.layer`, and `params.layer`" if hasattr(value, "layer") else ""


def takes_key(value: Layer) -> bool:
    """A layer of one's own that drops nothing may take no ``key``."""
    parameters = signature(value.apply).parameters.values()
    return any(p.name == "key" or p.kind is p.VAR_KEYWORD for p in parameters)


def float_dtype(dtype: Any) -> jnp.dtype:
    """The floating dtype meant by `dtype`; None is JAX's default one."""
    if dtype is None:
        return jnp.zeros(()).dtype
    try:
        resolved = jnp.dtype(dtype)
    except TypeError:
        raise TypeError(f"`dtype` must be a floating dtype, got {quote(dtype)}.") from None
    if not jnp.issubdtype(resolved, jnp.floating):
        raise TypeError(f"params need a floating dtype, got {resolved}.")
    canonical = jax.dtypes.canonicalize_dtype(resolved)
    if canonical != resolved:
        raise TypeError(
            f"dtype {resolved} needs JAX's x64 mode: set JAX_ENABLE_X64=1, or ask for {canonical}."
        )
    return canonical


def narrow(name: str, value: Any) -> MatmulDtype | None:
    """The name of a 16-bit float that the operands of products may be rounded to, or None."""
    if value is None:
        return None
    try:
        dtype = jnp.dtype(value).name
    except TypeError:
        raise TypeError(f"`{name}` must name a dtype, got {quote(value)}.") from None
    one_of(name, dtype, get_args(MatmulDtype))
    return cast(MatmulDtype, dtype)


def key(value: Any) -> None:
    """One key of jax.random, of either kind, or None."""
    if value is not None:
        given_key(value)


def given_key(value: Any) -> None:
    array = isinstance(value, jax.Array | np.ndarray)
    typed = array and jnp.issubdtype(value.dtype, jax.dtypes.prng_key) and value.ndim == 0
    if not typed and not (array and value.dtype == np.uint32 and value.ndim == 1):
        raise TypeError(
            f"`key` must be a key of jax.random, say jax.random.key(0), got {_Spelled(value)}."
        )


def batch_shape(value: Any) -> tuple[int, ...]:
    """A `batch_shape` as a tuple: of one axis where a number is given, as NumPy takes shapes."""
    sizes = tuple(value) if isinstance(value, tuple | list) else (value,)
    if not all(map(_is_size, sizes)):
        raise ValueError(
            f"`batch_shape` must be the sizes of the batch axes, say () or (32,), got "
            f"{quote(value)}."
        )
    return sizes


def _is_size(value: Any) -> bool:
    if export.is_symbolic_dim(value):
        return True
    try:
        return not isinstance(value, bool) and operator.index(value) >= 0
    except TypeError:
        return False


def array(name: str, value: Any) -> Any:
    """Arrays as they are, lists of numbers as NumPy's; lists within it must be of one length."""
    if isinstance(value, jax.Array):
        return value
    try:
        array = np.asarray(value)
    except ValueError:
        raise ValueError(f"{name} must be an array, got {quote(value)}.") from None
    if array.dtype.kind in "OSU":
        raise ValueError(f"{name} must be an array of numbers, got {quote(value)}.")
    return array


def dtype_of(name: str, value: Any) -> jnp.dtype:
    """The dtype in which JAX reads an array or a number; of anything else, a sentence."""
    number = isinstance(value, bool | int | float | complex)
    try:
        if not number and not hasattr(value, "dtype"):
            raise TypeError
        own = jnp.result_type(np.asarray(value) if number else value)  # 2**64 is no number of JAX's
        dtype = jax.dtypes.canonicalize_dtype(own)
    except (TypeError, ValueError):
        raise TypeError(
            f"{name} must be an array of JAX or NumPy, got {type(value).__name__} {quote(value)}: "
            f"make one with `jax.numpy.asarray`."
        ) from None
    if own != dtype and jnp.issubdtype(own, jnp.floating):  # JAX goes on to mix it with the other
        raise TypeError(
            f"{name} is an array of {own} from JAX's x64 mode, which is off: set JAX_ENABLE_X64=1, "
            f"or cast it to {dtype}."
        )
    return dtype


def arrays(what: str, tree: Any) -> None:
    """Every leaf of `tree` is an array or a number, or a sentence names the first that is not."""
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        if not isinstance(leaf, jax.Array):
            dtype_of(f"`{what}{jax.tree_util.keystr(path)}`", leaf)


def own_dtype(value: Any) -> str:
    """The dtype of an array as its owner knows it, and JAX's where that is another."""
    read = dtype_of("", value)
    own = getattr(value, "dtype", read)
    return f"{own}" if own == read else f"{own} (read as {read}, for JAX's x64 mode is off)"


def at_least_float32(dtype: jnp.dtype) -> jnp.dtype:
    return dtype if dtype.itemsize >= 4 else jnp.dtype(jnp.float32)


def is_tokens(xs: Any, name: str = "xs") -> bool:
    """Integers are token ids, floats are features; anything else is refused."""
    dtype = dtype_of(name, xs)
    if jnp.issubdtype(dtype, jnp.integer):
        return True
    if jnp.issubdtype(dtype, jnp.floating):
        return False
    raise TypeError(
        f"{name} must be floats (features) or integers (token ids), got {own_dtype(xs)}."
    )


def reads_tokens(cell: Cell, xs: Any) -> bool:
    """Whether xs are token ids; a cell that does not say that it takes any gets none."""
    tokens = is_tokens(xs)
    if tokens and not getattr(cell, "takes_tokens", False):
        raise TypeError(
            f"xs is {own_dtype(xs)}, which means token ids, but {quote(cell)} does not say "
            f"`takes_tokens = True`: give it features as floats."
        )
    return tokens


def wide(ids: Any) -> jax.Array:
    """Token ids as int32, in which the size of any vocabulary can be written. An id that does not
    fit is -1, which is no token either: it is not wrapped."""
    if not isinstance(ids, jax.Array):
        ids = np.asarray(ids)
    most = np.iinfo(np.int32).max
    if np.iinfo(ids.dtype).max > most:
        where = np.where if isinstance(ids, np.ndarray) else jnp.where
        fits = (ids >= 0) & (ids <= most)
        ids = where(fits, where(fits, ids, 0).astype(np.int32), -1)
    return jnp.asarray(ids, jnp.int32)


def batch_shape_of(xs: Any, time_axes: int = 1) -> tuple[int, ...]:
    """The batch axes of a sequence (`time_axes` = 1) or of one instant (0)."""
    tokens, rank = is_tokens(xs), np.ndim(xs)
    if rank < time_axes + (0 if tokens else 1):
        want = "(T, *batch) of token ids, or (T, *batch, I) of features"
        raise ValueError(
            f"xs must be {want if time_axes else want.replace('T, ', '')}, "
            f"got shape {np.shape(xs)} {own_dtype(xs)}."
        )
    return tuple(np.shape(xs)[time_axes:] if tokens else np.shape(xs)[time_axes:-1])


def with_features(name: str, values: Any) -> None:
    """An array (..., F), F at least 1."""
    dtype_of(name, values)
    if 0 in np.shape(values)[-1:] or not np.ndim(values):
        raise ValueError(f"{name} must be (..., V) for a V of 1 or more, got {np.shape(values)}.")


def spell(tree: Any) -> str:
    """A pytree of arrays as a line of text: types, shapes, dtypes; no values."""
    return cut(str(jax.tree.map(_Spelled, tree)))


def _same_leaf(got: Any, want: Any) -> bool:
    dtypes = [getattr(leaf, "dtype", None) for leaf in (got, want)]
    same = None not in dtypes and dtypes[0] == dtypes[1]  # so with keys, which are no numbers
    try:
        same = same or dtype_of("", got) == dtype_of("", want)
        return same and np.shape(got) == np.shape(want)
    except TypeError:
        return False


class _Spelled:
    def __init__(self, leaf: Any):
        dtype = getattr(leaf, "dtype", None)
        self._text = quote(leaf) if dtype is None else f"{dtype}{list(np.shape(leaf))}"

    def __repr__(self) -> str:
        return self._text


def same_form(what: str, got: Any, want: Any, advice: str) -> None:
    """Same tree, shapes and dtypes, or a sentence that names both."""
    alike = jax.tree.structure(got) == jax.tree.structure(want) and all(
        _same_leaf(*leaves)
        for leaves in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True)
    )
    if not alike:
        raise ValueError(f"{what} is {spell(got)}, but {spell(want)} is needed: {advice}")
