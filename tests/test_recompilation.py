"""The guard counts what JAX compiles, no more and no less, and says what made it do so."""

import re
import warnings
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrnn import gru, sequences, unroll
from jaxrnn.recompilation import RecompilationWarning, watch

pytestmark = pytest.mark.filterwarnings("error::jaxrnn.recompilation.RecompilationWarning")


class Batch(NamedTuple):
    xs: Any
    mask: Any = None


def total(batch, scale=1.0, *, steps=1):
    return batch.xs.sum() * scale * steps


def of(*shape, dtype=np.float32):
    return Batch(np.zeros(shape, dtype))


def says(sentence, *words):
    assert re.search(".*".join(map(re.escape, words)), str(sentence)), sentence


def test_counts_what_jax_compiles():
    guard = watch(total, limit=99)
    fast = jax.jit(guard, static_argnames="steps")
    calls = [
        (of(3, 2), 1.0, 1),
        (of(3, 2), 2.0, 1),  # another value
        (of(4, 2), 1.0, 1),  # another shape
        (of(3, 2), 1.0, 1),
        (of(3, 2, dtype=np.int32), 1.0, 1),  # another dtype
        (of(3, 2), np.float64(1), 1),  # a strong type for a weak one
        (of(3, 2)._replace(mask=np.zeros(3, bool)), 1.0, 1),  # a leaf for None
        (of(3, 2), 1.0, 5),  # another static argument
        (of(4, 2), 3.0, 1),
    ]
    with jax.numpy_dtype_promotion("standard"):
        for i in range(2 * len(calls)):
            batch, scale, steps = calls[i % len(calls)]
            fast(batch, scale, steps=steps)
            assert len(guard.signatures) == fast._cache_size()
    assert len(guard.signatures) == 6
    assert str(guard.signatures[0]["batch.xs"]) == "float32[3,2]"


def test_another_structure_of_the_same_leaves_is_another_signature():
    guard = watch(lambda tree: jax.tree.leaves(tree)[0].sum(), limit=1)
    fast = jax.jit(guard)
    fast((np.ones(3),))
    with pytest.warns(RecompilationWarning, match=r"is the structure of the arguments; more than"):
        fast([np.ones(3)])
    assert len(guard.signatures) == fast._cache_size() == 2


def test_answers_as_the_function_does():
    guard = watch(total)
    batch = Batch(np.arange(6.0).reshape(2, 3))
    assert guard(batch, 2.0) == jax.jit(guard)(batch, 2.0) == total(batch, 2.0) == 30
    assert guard.__name__ == "total" and repr(guard) == "watch(total, limit=8)"
    gradient = jax.jit(jax.grad(guard))(batch, 2.0)
    np.testing.assert_array_equal(gradient.xs, np.full((2, 3), 2.0))


def test_warns_once_and_names_the_leaf_its_shapes_and_the_remedy():
    guard = watch(total, limit=3)
    fast = jax.jit(guard)
    for T in (1, 2, 3, 2, 1):
        fast(of(T, 2))
    with pytest.warns(RecompilationWarning) as caught:
        fast(of(4, 2))
    for T in (1, 4, 5, 6):
        fast(of(T, 2))  # a second warning would be an error
    says(
        caught[0].message,
        "`total` was compiled for 4 signatures: what varied is batch.xs (float32[1,2], "
        "float32[2,2], float32[3,2], float32[4,2]); more than the limit of 3: give batches",
        "`jaxrnn.sequences.bucketed`",
        "`lengths=`.",
    )
    assert len(caught) == 1
    says(guard.report(), "6 signatures", "float32[4,2], … 6 in all).")


def test_error_refuses_every_signature_beyond_the_limit_and_no_other():
    guard = watch(total, limit=2, error=True)
    fast = jax.jit(guard)
    for T in (1, 2):
        fast(of(T, 2))
    for T in (3, 3, 4):
        with pytest.raises(RecompilationWarning, match=rf"3 signatures.*float32\[{T},2\]"):
            fast(of(T, 2))
    for T in (1, 2):
        fast(of(T, 2))
    assert len(guard.signatures) == 2


def test_what_is_no_shape_has_another_remedy():
    guard = watch(total, limit=2)
    fast = jax.jit(guard, static_argnames="steps")
    with pytest.warns(RecompilationWarning, match=r"steps \(1, 2, 3\); more.*static arguments"):
        for steps in (1, 2, 3):
            fast(of(3, 2), steps=steps)


def test_the_leaf_of_most_forms_comes_first_and_the_list_is_short():
    guard = watch(lambda tree: sum(leaf.sum() for leaf in tree.values()), limit=9)
    fast = jax.jit(guard)
    for T in range(1, 7):
        fast({"a": np.ones(T % 2), "b": np.ones(T), "c": np.ones(T % 3), "d": np.ones(T // 4)})
    says(guard.report(), "tree['b'] (float64[1]", "… 6 in all), tree['c'] (", "and 1 more leaves.")


def test_plain_calls_and_transformed_ones_are_not_compilations():
    guard = watch(total, limit=1, error=True)
    for T in (2, 3, 4):
        batch = jax.tree.map(jnp.asarray, of(T, 2))
        guard(batch, float(T))
        jax.grad(guard)(batch, float(T))
        jax.vmap(guard)(batch)
    with jax.disable_jit():
        jax.jit(guard)(of(7, 2))
    assert guard.signatures == []
    assert guard.report() == "`total` was compiled for 0 signatures."


def test_inside_a_larger_program():
    guard = watch(total)

    @jax.jit
    def step(batch):
        return jax.value_and_grad(guard)(batch)

    for T in (2, 3, 2, 3):
        step(of(T, 2))
    assert [leaves["batch.xs"].shape for leaves in guard.signatures] == [(2, 2), (3, 2)]
    assert guard.report().startswith("`total` was compiled for 2 signatures: what varied is batch")


def test_bucketed_batches_keep_within_their_boundaries():
    rng = np.random.default_rng(0)
    documents = [rng.normal(size=(n, 3)) for n in rng.integers(1, 20, 30)]
    boundaries = sequences.buckets([len(document) for document in documents], 2)
    layer = unroll(gru(4))
    params = layer.init(jax.random.key(0), 3)

    def read(params, batch):
        return layer.apply(params, None, batch.xs, mask=batch.mask)

    fast = jax.jit(watch(read, limit=len(boundaries), error=True))
    for batch in sequences.bucketed(documents, 4, boundaries, seed=0):
        fast(params, batch)
    with pytest.raises(RecompilationWarning, match=r"`read`.*3 signatures.*batch\.(xs|mask) \("):
        fast(params, sequences.pad(documents[:4]))


def test_layers_go_in_as_they_are():
    """A bound method, and a layer as a static argument: equal ones are one signature."""
    params = unroll(gru(4)).init(jax.random.key(0), 3)
    guard = watch(unroll(gru(4)).apply, limit=1)
    fast = jax.jit(guard)
    for _ in range(2):
        fast(params, None, np.zeros((5, 2, 3)))
    assert str(guard.signatures[0]["xs"]) == "float64[5,2,3]"
    assert str(guard.signatures[0]["carry"]) == "None"
    assert "params.w_x" in guard.signatures[0]

    by_layer = watch(lambda layer, params, xs: layer.apply(params, None, xs)[1], limit=1)
    fast = jax.jit(by_layer, static_argnums=0)
    for _ in range(2):
        fast(unroll(gru(4)), params, np.zeros((5, 2, 3)))
    with pytest.warns(RecompilationWarning, match=r"layer \(Unroll\(.*reverse=True"):
        fast(unroll(gru(4), reverse=True), params, np.zeros((5, 2, 3)))


def test_what_watch_refuses():
    fast: Any = jax.jit(total)
    number: Any = 3
    with pytest.raises(TypeError, match=r"yet to be jitted.*jax\.jit\(watch\(fn\)\).*total"):
        watch(fast)
    with pytest.raises(TypeError, match=r"got 3\.$"):
        watch(number)
    with pytest.raises(ValueError, match=r"`limit` must be positive, got 0\."):
        watch(total, limit=0)
    with pytest.raises(TypeError, match=r"`error` must be True or False, got 1\."):
        watch(total, error=number // 3)


def test_a_wrong_call_gets_the_functions_own_error():
    fast: Any = jax.jit(watch(partial(total)))
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        fast()


def test_the_warning_is_shown_without_any_setting():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        fast = jax.jit(watch(total, limit=1))
        fast(of(1, 1))
        fast(of(2, 1))
    assert [warning.category for warning in caught] == [RecompilationWarning]


def test_static_values_that_print_alike_are_told_apart():
    class Setting:
        def __repr__(self):
            return "Setting()"

    guard = watch(lambda setting, x: x + 1, limit=2)
    fast = jax.jit(guard, static_argnums=0)
    for _ in range(2):
        fast(Setting(), np.zeros(3))
    with pytest.warns(RecompilationWarning, match=r"3 signatures"):
        fast(Setting(), np.zeros(3))
