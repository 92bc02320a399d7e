"""A guard that tells when shapes make JAX compile again and again."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import warnings
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from jaxrnn import _checks

LEAVES, FORMS, LETTERS = 3, 4, 100  # of each, what a sentence holds

BUCKETS = (
    "give batches of a few lengths (`jaxrnn.sequences.bucketed`), or pad to one T and say "
    "`lengths=`."
)
STEADY = "keep dtypes, static arguments and the structure of trees the same from call to call."


class RecompilationWarning(UserWarning):
    """A function was compiled for more signatures than its limit."""


class Guard:
    """What :func:`watch` makes of a function: it answers as the function does, and remembers. A
    call beyond the limit raises RecompilationWarning where `watch` was told ``error=True``.

    signatures: what it was compiled for, in order, each a dict from the path of a leaf of the
    arguments to its `jax.typeof` or, for a static argument, its repr.

    >>> guard = jaxrnn.recompilation.watch(lambda xs: 2 * xs)
    >>> y = jax.jit(guard)(jnp.ones(3))
    >>> len(guard.signatures)
    1
    """

    def __init__(self, fn: Callable[..., Any], limit: int, error: bool):
        functools.update_wrapper(self, fn)
        self.signatures: list[dict[str, Any]] = []
        self._structures: list[Any] = []  # of the trees, beside the signatures
        self._fn, self._limit, self._error = fn, limit, error
        self._name = getattr(fn, "__name__", repr(fn))

    def __repr__(self) -> str:
        return f"watch({self._name}, limit={self._limit})"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if _compiling():
            self._remember(*_signature(self._fn, args, kwargs))
        return self._fn(*args, **kwargs)

    def _remember(self, leaves: dict[str, Any], structure: Any) -> None:
        if (leaves, structure) in zip(self.signatures, self._structures, strict=True):
            return
        self.signatures.append(leaves)
        self._structures.append(structure)
        excess = len(self.signatures) - self._limit
        if excess <= 0 or (excess > 1 and not self._error):
            return
        complaint = RecompilationWarning(self._complaint())
        if not self._error:
            warnings.warn(complaint, stacklevel=3)
            return
        del self.signatures[-1], self._structures[-1]  # so that the same call is refused again
        raise complaint

    def report(self) -> str:
        """For how many signatures JAX compiled, and which leaves varied between them."""
        count = len(self.signatures)
        told = f"`{self._name}` was compiled for {count} signature{'s' * (count != 1)}"
        varied = self._varied()
        if varied:
            some = [f"{path} ({_few(forms)})" for path, forms in varied[:LEAVES]]
            left = len(varied) - len(some)
            told += f": what varied is {', '.join(some)}{f' and {left} more leaves' * bool(left)}"
        elif count > 1:
            told += ": what varied is the structure of the arguments"
        return f"{told}."

    def _complaint(self) -> str:
        shaped = any(
            len({form.shape for form in forms if hasattr(form, "shape")}) > 1
            for _, forms in self._varied()
        )
        remedy = BUCKETS if shaped else STEADY
        return f"{self.report()[:-1]}; more than the limit of {self._limit}: {remedy}"

    def _varied(self) -> list[tuple[str, list[Any]]]:
        """The leaves of more than one form, those of most forms first."""
        paths = dict.fromkeys(path for leaves in self.signatures for path in leaves)
        forms = {
            path: list(dict.fromkeys(leaves.get(path, "absent") for leaves in self.signatures))
            for path in paths
        }
        varied = [(path, seen) for path, seen in forms.items() if len(seen) > 1]
        return sorted(varied, key=lambda leaf: -len(leaf[1]))


def _few(forms: list[Any]) -> str:
    texts = [str(form) for form in forms[:FORMS]]
    texts = [text if len(text) <= LETTERS else f"{text[:LETTERS]}…" for text in texts]
    return ", ".join(texts) + (f", … {len(forms)} in all" if len(forms) > FORMS else "")


def _compiling() -> bool:
    """Whether JAX writes a program just now: then even a constant is traced; not so in plain
    calls, nor in `jax.grad` or `jax.vmap` of them."""
    return isinstance(jnp.zeros(()), Tracer)


def _signature(fn: Callable[..., Any], args: tuple, kwargs: dict) -> tuple[dict[str, Any], Any]:
    """The leaves of the arguments by path, None among them, and the structure of their trees."""
    try:
        named = inspect.signature(fn).bind(*args, **kwargs).arguments
    except (TypeError, ValueError):  # it tells no signature; or it will refuse the call itself
        named = {"args": args, "kwargs": kwargs}
    leaves, structure = {}, []
    for name, tree in named.items():
        flat, treedef = jax.tree_util.tree_flatten_with_path(tree, is_leaf=lambda x: x is None)
        leaves |= {f"{name}{jax.tree_util.keystr(path)}": _form(leaf) for path, leaf in flat}
        structure.append((name, treedef))
    return leaves, structure


def _form(leaf: Any) -> Any:
    array = isinstance(leaf, Tracer | jax.Array | np.ndarray)
    return jax.typeof(leaf) if array else _Static(leaf)


@dataclasses.dataclass(frozen=True)
class _Static:
    """A value that is no array: compared as itself, printed as it prints."""

    value: Any

    def __str__(self) -> str:
        return repr(self.value)


def watch(fn: Callable[..., Any], limit: int = 8, *, error: bool = False) -> Guard:
    """`fn`, to be jitted, with an eye on how often that compiles it ::

        step = recompilation.watch(step, limit=len(boundaries))
        fast = jax.jit(step, donate_argnums=0)      # the guard goes inside
        ...
        print(step.report())

    JAX runs a function's Python only to trace it, once for each signature: shapes, dtypes and
    structure of the arguments, values of the static ones. The guard keeps each, and at the first
    beyond `limit` there is one `RecompilationWarning`, which names the leaves that varied; with
    `error` each one beyond is raised instead, before it is compiled. A call that finds its program
    in the cache costs nothing and is never counted, nor is a plain call. Whatever else traces `fn`
    (`jax.eval_shape`, `jax.make_jaxpr`, a `lax.scan` around it) counts as `jax.jit` does.

    It sees what `fn` itself is given: put it directly under `jax.jit`, for inside `jax.vmap` the
    mapped axis is out of sight. Raises TypeError for what is not callable, and for a function that
    is jitted already; ValueError for a limit below 1.

    >>> from jaxrnn import recompilation
    >>> step = recompilation.watch(lambda xs: 2 * xs, limit=2)
    >>> fast = jax.jit(step)
    >>> for T in (3, 4, 3, 4):
    ...     ys = fast(jnp.ones(T))
    >>> len(step.signatures)
    2
    """
    _checks.flag("error", error)
    if not callable(fn) or isinstance(fn, jax.stages.Wrapped):
        raise TypeError(
            f"watch needs the function that is yet to be jitted, as in `jax.jit(watch(fn))`, got "
            f"{_checks.quote(fn)}."
        )
    return Guard(fn, _checks.positive("limit", limit), error)
