"""What the engine read in a cell's step, and the path that it takes."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple, get_args

import jax
import jax.numpy as jnp

from jaxrnn import _checks
from jaxrnn._types import Cell
from jaxrnn.engine import _instant, _newton, _pairs
from jaxrnn.engine._joint import Joint
from jaxrnn.engine._paths import Engine, ask, take
from jaxrnn.engine._read import Reading


class Choice(NamedTuple):
    """path: the name of a row of the table; refused: those before it, and why."""

    path: str
    refused: dict[str, str]


class Explanation(NamedTuple):
    """See :func:`explain`: nine strings, that print as lines which begin with their names."""

    cell: str
    once: str
    all_time: str
    loop: str
    products: str
    kept: str
    linear: str
    units: str
    path: str

    def __str__(self) -> str:
        return "\n".join(
            f"{name.replace('_', ' '):9} {text}" for name, text in self._asdict().items()
        )


def choose(cell: Cell, engine: Engine = "auto", *, input_size: int | None = None) -> Choice:
    """The path that an unroll of `cell` takes over features (I = `input_size`; None: its output
    size), and why not another: ``path``, a name, and ``refused``, sentences by name.

    Raises TypeError for what is no cell, ValueError where the engine asked for does not fit.

    >>> jaxrnn.engine.choose(jaxrnn.mingru(5), "associative", input_size=3).path
    'associative'
    """
    _checks.cell("choose", cell)
    _checks.one_of("engine", engine, get_args(Engine))
    path, refused = take(_question(cell, input_size, engine))
    return Choice(path.name, refused)


def explain(cell: Cell, input_size: int | None = None) -> Explanation:
    """Print what a walk of `cell` over features (I = `input_size`; None: its output size) does
    once, what for all of time at once, what in the loop; its products there, how many weights each
    multiplies at once, and how many terms are added that wait for no carry; what is kept of each
    instant for the way back; whether it is linear in its carry, leaf by leaf; whether each of its
    units sees itself alone; and the path taken
    (see :func:`jaxrnn.unroll`). Shapes are of a batch of 2. Raises TypeError for what is no cell.

    >>> told = jaxrnn.engine.explain(jaxrnn.mingru(5), input_size=3)      # and more is printed
    cell      MinGRU(hidden_size=5)
    ...
    >>> told.products, told.linear
    ('none', 'yes')
    """
    _checks.cell("explain", cell)
    question = _question(cell, input_size)
    path, refused = take(question)
    r = question.reading
    told: tuple[str, ...] = ("unread",) * 7 if r is None else _told(r)
    explanation = Explanation._make((_checks.quote(cell), *told, _chosen(path.name, refused, told)))
    print(explanation)
    return explanation


def _question(cell: Cell, input_size: int | None, engine: Engine = "auto") -> Any:
    size = cell.output_size if input_size is None else _checks.positive("input_size", input_size)
    key = jax.eval_shape(lambda: jax.random.key(0))
    params = jax.eval_shape(lambda key: cell.init(key, size), key)
    carry = jax.eval_shape(lambda params: cell.initial_carry(params, (2,)), params)
    floats = [a.dtype for a in jax.tree.leaves(params) if jnp.issubdtype(a.dtype, jnp.floating)]
    x = jax.ShapeDtypeStruct((2, size), floats[0] if floats else jnp.zeros(()).dtype)

    def instant(params, carry, x):
        return _instant.body(cell, cell.step, reverse=False)(
            (params, None), carry, (x, _instant.ALWAYS)
        )

    asked = {"steps": None, "keep": "gates", "engine": engine, "cell": cell, "plain": True}
    return ask(instant, None, params, carry, x, **asked)


def _told(r: Reading) -> tuple[str, ...]:
    products = [f"{_operands(j)} -> {', '.join(_form(o) for o in j.outs)}" for j in r.joints]
    return (
        _counted(r.once),
        _counted(r.time),
        _counted(r.loop),
        "; ".join(products) or "none",
        ", ".join(map(_form, r.kept)) or "nothing",
        _pairs.why_not(r) or "yes",
        _newton.why_not(r) or "each sees itself alone",
    )


def _chosen(path: str, refused: dict[str, str], told: tuple[str, ...]) -> str:
    """The path, and the others by the reason for which they were refused; one that was told by the
    line `linear` is not told again."""
    others: dict[str, list[str]] = {}
    for name, why in refused.items():
        others.setdefault(why, []).append(f"not {name}")
    parts = [path]
    for why, names in others.items():
        reason = " (see linear)" if why in told else f": {why.removesuffix('.')}"
        parts.append(", ".join(names) + reason)
    return "; ".join(parts) + "." * bool(refused)


def _operands(joint: Joint) -> str:
    of = joint.equation.invars
    widths = f" of {len(joint.weights)} weights" if joint.weights else ""
    added = sum(map(len, joint.terms))
    return f"{_form(of[0])} · {_form(of[1])}{widths}, {added} added"


def _form(v: Any) -> str:
    return v.aval.str_short()


def _counted(equations: list) -> str:
    counts = Counter(e.primitive.name for e in equations)
    return ", ".join(f"{n} {name}" for name, n in counts.most_common()) or "nothing"
