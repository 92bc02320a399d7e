"""Laws of JAX: its transformations see an ordinary pure function."""

from __future__ import annotations

import copy
import pickle
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxrnn.testing._case import Answer, Case, draw, jit, numpy, pull
from jaxrnn.testing._compare import same, slope
from jaxrnn.testing._law import law
from jaxrnn.testing._trees import one_way, plus, reverse
from jaxrnn.testing._truth import direction, float64, inner, plainly


@law()
def layers_are_values(case: Case) -> None:
    """A layer equals its copy and its pickle, hashes as they do, and prints."""
    layer = case.layer
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert other == layer and hash(other) == hash(layer), f"{other!r} is another layer"
    assert type(layer).__name__ in repr(layer)


@law()
def dtype_follows_params(case: Case) -> None:
    """Outputs, carries and gradients have the dtype asked of `init`, in every precision; what is
    complex, two of that dtype, or of float32. A carry may be float32 where params are 16-bit."""
    layer, sizes = case.layer, case.xs.shape
    if not jax.tree.leaves(case.params):
        return  # no dtype to follow
    for dtype in [jnp.float32, jnp.bfloat16, *([jnp.float64] if float64(layer) else [])]:

        def begin(key, dtype=dtype):
            params = layer.init(key, sizes[-1], dtype)
            return {"params": params, "carry": layer.initial_carry(params, sizes[1:-1])}

        def answer(begun, dtype=dtype):
            params, carry = begun["params"], begun["carry"]
            cotangents = carry, jnp.zeros((*sizes[:-1], layer.output_size), dtype)
            return pull(layer.apply, params, carry, jnp.zeros(sizes, dtype), cotangents, {})

        begun = jax.eval_shape(begin, jax.random.key(0))
        _of_dtype(dtype, begun)  # before JAX refuses what does not fit it
        _of_dtype(dtype, jax.eval_shape(answer, begun))


def _of_dtype(dtype: Any, tree: Any) -> None:
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        name, want = jax.tree_util.keystr(path), jnp.dtype(dtype)
        if jnp.issubdtype(leaf.dtype, jnp.complexfloating):  # there are none of 16 bits
            want = jnp.dtype(jnp.complex128 if want == jnp.float64 else jnp.complex64)
        wide = "carry" in name and want.itemsize < 4 and leaf.dtype == jnp.float32
        assert leaf.dtype == want or wide, (
            f"{name} is {leaf.dtype} for params of {jnp.dtype(dtype)}"
        )


@law()
def no_carry_is_the_initial_one(case: Case) -> None:
    """A carry of None is `initial_carry(params, batch_shape)`, its gradient to params included."""
    from_start = case.but(carry=case.start()).answer()
    got = case.but(carry=None).answer()
    dparams = plus(from_start.dparams, case.through_start(from_start.dcarry))
    same(got, from_start._replace(dparams=dparams, dcarry=None))


@law()
def one_trace_per_shape(case: Case) -> None:
    """Equal layers and their own carries handed back cost no second trace."""
    traces = []

    @partial(jit, static_argnums=0)
    def apply(layer, params, carry, xs):
        traces.append(layer)
        return layer.apply(params, carry, xs)

    carry = case.carry
    for _ in range(3):
        carry, _ = apply(copy.deepcopy(case.layer), case.params, carry, case.xs)
    assert len(traces) == 1, f"{len(traces)} traces for one shape"


@law()
def jit_is_eager(case: Case) -> None:
    same(case.answer(), numpy(pull(case.layer.apply, *case.question())))


@law()
def inference_is_training(case: Case) -> None:
    """What nobody differentiates is computed without residuals, and is the same."""
    gaps = {"mask": case.valid, "resets": case.fresh}
    apply = jit(lambda *question: case.layer.apply(*question, **gaps))
    carry, ys = apply(case.params, case.carry, case.xs)
    want = case.answer(**gaps)
    same(want._replace(carry=numpy(carry), ys=numpy(ys)), want)


@law()
def checkpoint_agrees(case: Case) -> None:
    """`jax.checkpoint` computes again what it did not keep, and finds the same."""
    apply = jax.checkpoint(case.layer.apply)
    same(numpy(jit(partial(pull, apply))(*case.question())), case.answer())


@law()
def vmap_is_the_batch_axis(case: Case) -> None:
    rows = Answer(carry=0, ys=1, dparams=0, dcarry=0, dxs=1)
    each = jax.vmap(partial(pull, case.layer.apply), (None, 0, 1, (0, 1), None), rows)
    got = numpy(jit(each)(*case.question()))
    dparams = jax.tree.map(lambda a: a.sum(0), got.dparams)
    same(got._replace(dparams=dparams), case.answer())


@law()
def vmap_is_an_ensemble(case: Case) -> None:
    """Params with a leading axis: as many layers on the same question."""
    if not jax.tree.leaves(case.params):
        return  # nothing to tell them apart by
    other = jax.tree.map(lambda a: np.flip(a) / 2, case.params)
    both = jax.tree.map(lambda *a: np.stack(a), case.params, other)
    ensemble = jax.vmap(partial(pull, case.layer.apply), (0, None, None, None, None))
    got = numpy(jit(ensemble)(both, *case.question()[1:]))
    for member, params in enumerate((case.params, other)):
        one = jax.tree.map(lambda a, member=member: a[member], got)
        same(one, case.but(params=params).answer())


@law(fits=float64)
def gradient_of_gradient(case: Case) -> None:
    """The Hessian times a random d, by reverse over reverse, is the gradient's slope along d."""
    rng = np.random.default_rng(2)
    here = case.params, case.carry, case.xs
    way = jax.tree.map(partial(direction, rng), here)

    def loss(*here):  # curved in the outputs
        outputs = case.layer.apply(*here)
        return inner(outputs, (case.dcarry, case.dys)) + inner(outputs, outputs)

    gradient = jax.grad(loss, (0, 1, 2))

    def along(*here):
        return inner(gradient(*here), way)

    first = jit(gradient)
    want = slope(lambda e: numpy(first(*jax.tree.map(lambda a, d: a + e * d, here, way))))
    same(numpy(jit(jax.grad(along, (0, 1, 2)))(*here)), want, within=1e-7)


def takes_tokens(layer: Any) -> bool:
    """It reads ids (T, *batch) in some way: cells that do not take them refuse them."""

    def read(key):
        params = layer.init(key, 5)
        return layer.apply(params, None, jnp.zeros((7, 6), jnp.int32))

    try:
        jax.eval_shape(read, jax.random.key(0))
    except (TypeError, ValueError):
        return False
    return True


def in_tokens(case: Case, V: int = 5) -> tuple[Case, Case]:
    """A question in token ids, some out of range, and in their one-hot vectors."""
    case = draw(case.layer, V, 0, case.steps, case.batch)
    tokens = np.random.default_rng(3).integers(-2, V + 2, case.xs.shape[:-1])
    tokens[0, :3] = -1, V, 10**6
    one_hot = (tokens[..., None] == np.arange(V)).astype(case.xs.dtype)
    return case.but(xs=tokens.astype(np.int32)), case.but(xs=one_hot)


@law(fits=takes_tokens)
def tokens_are_one_hot(case: Case) -> None:
    """Ids are one-hot vectors; an id that is negative or too large is a row of zeros."""
    asked, one_hot = in_tokens(case)
    want = one_hot.answer()
    for reader in (asked, plainly(asked)):
        same(reader.answer(), want._replace(dxs=None))


def walks_forwards(layer: Any) -> bool:
    return one_way(layer) and not reverse(layer)


@law(fits=walks_forwards)
def step_is_a_scan_body(case: Case) -> None:
    """`partial(layer.step, params)` under `jax.lax.scan` is the walk, of features and of ids."""
    layer = case.layer

    @jit
    def both(params, *of):
        walks = jax.lax.scan(partial(layer.step, params), *of), layer.apply(params, *of)
        return [Answer(carry, ys, None, None, None) for carry, ys in walks]

    for asked in (case, *in_tokens(case)[:1]) if takes_tokens(layer) else (case,):
        same(*both(asked.params, asked.carry, asked.xs))
