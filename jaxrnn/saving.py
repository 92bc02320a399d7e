"""Models as files: one safetensors file holds the arrays, and says in JSON what they are of.

Nothing is pickled, and nothing that a file holds is run: the model is built from public names and
plain values (`jaxrnn.describe`, `jaxrnn.build`). Needs the package safetensors
(``pip install 'jaxrnn[files]'``).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxrnn import _checks, _model_file
from jaxrnn._describe import DescriptionError, build, describe
from jaxrnn._model_file import ModelFileError as ModelFileError
from jaxrnn._types import Params

FORMAT = 1


class TextRecipe(NamedTuple):
    """How a language model's text became tokens: `tokens` in the order of their ids; `unk`, the id
    of the unknown one or None; `unit`, ``"char"``, ``"word"`` or ``"byte"``; and `recipe`, its name
    (:func:`jaxrnn.text.find_recipe`)."""

    tokens: tuple[str, ...]
    unk: int | None
    unit: str
    recipe: str


class Model(NamedTuple):
    """What a file holds: model and params as `save` was given them; text, a TextRecipe or None;
    notes, plain values that the writer added."""

    model: Any
    params: Params
    text: TextRecipe | None
    notes: dict[str, Any]


def save(
    path: str | os.PathLike[str],
    model: Any,
    params: Params,
    *,
    text: TextRecipe | None = None,
    notes: Mapping[str, Any] | None = None,
) -> None:
    """Write a cell, layer or language model and its params to one safetensors file.

    Tensors are called by their path in the tree, ``layer.0.w_x``. The file is written whole or not
    at all: one that is there already stays as it was until the new one is complete. `text` makes a
    language model's file enough to write text with; `notes` are values of JSON.

    Raises DescriptionError for a model that cannot be described, and ModelFileError for params that
    are not of this model or hold NaN, for another `text` or `notes`, and where the file cannot be
    written; both are ValueErrors.

    >>> layer = jaxrnn.unroll(jaxrnn.gru(5))
    >>> params = layer.init(jax.random.key(0), input_size=3)
    >>> jaxrnn.save("model.safetensors", layer, params, notes={"epochs": 3})
    """
    if not isinstance(text, TextRecipe | None):
        raise ModelFileError(f"`text` must be a TextRecipe, got {_checks.quote(text)}.")
    if not isinstance(notes, Mapping | None):
        raise ModelFileError(f"`notes` must be a dict, got {_checks.quote(notes)}.")
    description = describe(model)
    leaves = _named_leaves(params)
    _refuse_nan(leaves)
    meta = {
        "format": FORMAT,
        "jaxrnn": _version(),
        "model": description,
        "input_size": _input_size(model, params),
        "dtypes": {name: str(leaf.dtype) for name, leaf in leaves.items()},
        "text": text._asdict() if text else None,
        "notes": dict(notes or {}),
    }
    try:
        said = json.dumps(meta, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ModelFileError(f"`notes` must be values of JSON: {error}.") from None
    _model_file.write(path, {name: np.asarray(leaf) for name, leaf in leaves.items()}, said)


def load(path: str | os.PathLike[str], classes: Iterable[Any] = ()) -> tuple[Any, Params]:
    """``model, params`` of a file that `save` wrote. `classes` are the cells, layers and functions
    of your own that the model is made of.

    Raises ModelFileError in one sentence for a file that cannot be read, is damaged, cut short or
    of another format, whose model `build` refuses, or whose tensors are not the model's: missing,
    too many, of another shape or dtype, or NaN.

    >>> cell = jaxrnn.gru(5)
    >>> jaxrnn.save("model.safetensors", cell, cell.init(jax.random.key(0), input_size=3))
    >>> model, params = jaxrnn.load("model.safetensors")
    >>> model, params.w_x.shape
    (GRU(hidden_size=5), (3, 15))
    """
    return read(path, classes)[:2]


def read(path: str | os.PathLike[str], classes: Iterable[Any] = ()) -> Model:
    """All that a file holds, as `load` reads it: also its text recipe and notes. Raises what `load`
    raises.

    >>> from jaxrnn import saving
    >>> cell = jaxrnn.gru(5)
    >>> params = cell.init(jax.random.key(0), input_size=3)
    >>> jaxrnn.save("model.safetensors", cell, params, notes={"epochs": 3})
    >>> saving.read("model.safetensors").notes
    {'epochs': 3}
    """
    arrays, said = _model_file.read(path)
    meta = _meta(path, said)
    where = f"{os.fspath(path)}"
    try:
        model = build(meta["model"], classes)
    except DescriptionError as error:
        raise ModelFileError(
            f"{where}, written by jaxrnn {meta['jaxrnn']}, holds no model that this jaxrnn, "
            f"{_version()}, builds: {error}"
        ) from None
    want = _forms(where, model, meta)
    _same_tensors(where, arrays, want, meta["dtypes"])
    tree = jax.tree.structure(want)
    params = jax.tree.unflatten(tree, [jnp.asarray(arrays[name]) for name in _named_leaves(want)])
    return Model(model, params, _text(where, meta["text"]), meta["notes"])


def _version() -> str:
    import jaxrnn

    return jaxrnn.__version__


def _named_leaves(params: Params) -> dict[str, Any]:
    pairs = jax.tree_util.tree_leaves_with_path(params)
    names = [jax.tree_util.keystr(path, simple=True, separator=".") for path, _ in pairs]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ModelFileError(f"two params are called {twice!r}: give each a name of its own.")
    _checks.arrays("params", params)
    return {
        name or "params": leaf if hasattr(leaf, "dtype") else jnp.asarray(leaf)
        for name, (_, leaf) in zip(names, pairs, strict=True)
    }


def _refuse_nan(leaves: Mapping[str, Any], where: str = "params") -> None:
    for name, leaf in leaves.items():
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            raise ModelFileError(f"{where}: {name!r} is a random key, which no file can hold.")
        if jnp.issubdtype(leaf.dtype, jnp.inexact) and bool(jnp.isnan(leaf).any()):
            raise ModelFileError(f"{where}: {name!r} holds NaN: this is no model to go on with.")


def _takes_input_size(model: Any) -> bool:
    return not hasattr(model, "vocab_size")


def _init_forms(model: Any, input_size: int | None) -> Any:
    size = () if input_size is None else (input_size,)
    return jax.eval_shape(lambda: model.init(jax.random.key(0), *size))


def _input_size(model: Any, params: Params) -> int | None:
    """The input size for which the model's `init` gives params of these shapes."""
    shapes = [np.shape(leaf) for leaf in jax.tree.leaves(params)]
    own = getattr(model, "output_size", 0)
    sizes = {n for shape in shapes for n in shape}
    tried: list[int | None] = [None]
    if _takes_input_size(model):
        tried = sorted(n for n in {1, *sizes, *(n - own for n in sizes)} if n > 0)
    for size in tried:
        try:
            forms = _init_forms(model, size)
        except (TypeError, ValueError):
            continue  # a cell may refuse a size
        if jax.tree.structure(forms) == jax.tree.structure(params) and shapes == [
            form.shape for form in jax.tree.leaves(forms)
        ]:
            return size
    raise ModelFileError(
        f"the params are not those of {_checks.quote(model)}: its `init` gives none of the form "
        f"{_checks.spell(params)}."
    )


def _meta(path: str | os.PathLike[str], said: str | None) -> dict[str, Any]:
    where = os.fspath(path)
    if said is None:
        raise ModelFileError(f"{where} was not written by jaxrnn: it says nothing of its model.")
    try:
        meta = json.loads(said)
        number, version = meta["format"], meta["jaxrnn"]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise ModelFileError(
            f"{where} is damaged: what it says of its model cannot be read."
        ) from None
    if number != FORMAT:
        raise ModelFileError(
            f"{where} is of format {_checks.quote(number)}, written by jaxrnn "
            f"{_checks.quote(version)}; this jaxrnn, {_version()}, reads format {FORMAT}."
        )
    kinds = {"jaxrnn": str, "model": dict, "dtypes": dict, "notes": dict}
    wrong = [name for name, kind in kinds.items() if not isinstance(meta.get(name), kind)]
    size = meta.get("input_size")
    if wrong or not (size is None or (isinstance(size, int) and size > 0)) or "text" not in meta:
        raise ModelFileError(
            f"{where} is damaged: of its model it does not say "
            f"{(wrong or ['input_size, text'])[0]}."
        )
    return meta


def _forms(where: str, model: Any, meta: Mapping[str, Any]) -> Any:
    """The params that the model has, as shapes."""
    size = meta["input_size"]
    if _takes_input_size(model) and size is None:
        raise ModelFileError(f"{where} is damaged: it does not say its model's input size.")
    try:
        return _init_forms(model, size if _takes_input_size(model) else None)
    except Exception as error:  # a size that the file made up may lead anywhere
        raise ModelFileError(
            f"{where} holds no model that can be made: {_checks.cut(str(error))}"
        ) from None


def _same_tensors(where: str, arrays: Mapping[str, Any], want: Any, dtypes: Mapping) -> None:
    forms = _named_leaves(want)
    for what, names in (
        ("lacks", [name for name in forms if name not in arrays]),
        ("has, beyond its model,", [name for name in arrays if name not in forms]),
    ):
        if names:
            raise ModelFileError(f"{where} {what} the tensor {_checks.quote(names[0])}.")
    for name, form in forms.items():
        got, dtype = arrays[name], dtypes.get(name)
        if got.shape != form.shape:
            raise ModelFileError(
                f"{where}: tensor {name!r} is {got.shape}, but its model needs {form.shape}."
            )
        if str(got.dtype) != dtype or _kind(got.dtype) != _kind(form.dtype):
            raise ModelFileError(
                f"{where}: tensor {name!r} is of {got.dtype}, but {_checks.quote(dtype)} is said."
            )
        if jax.dtypes.canonicalize_dtype(got.dtype) != got.dtype:
            raise ModelFileError(
                f"{where}: tensor {name!r} is of {got.dtype}, which needs JAX's x64 mode: set "
                f"JAX_ENABLE_X64=1."
            )
    _refuse_nan(arrays, where)


def _kind(dtype: Any) -> Any:
    """The kind of number, whatever its bits."""
    kinds = jnp.floating, jnp.complexfloating, jnp.integer
    return next((kind for kind in kinds if jnp.issubdtype(dtype, kind)), np.dtype(dtype))


def _text(where: str, told: Any) -> TextRecipe | None:
    if told is None:
        return None
    try:
        recipe = TextRecipe(**{**told, "tokens": tuple(told["tokens"])})
        words = (recipe.unit, recipe.recipe, *recipe.tokens)
        if all(isinstance(word, str) for word in words) and isinstance(recipe.unk, int | None):
            return recipe
    except (TypeError, KeyError):
        pass
    raise ModelFileError(f"{where} is damaged: what it says of its text cannot be read.")
