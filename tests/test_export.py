"""`jax.export`: layers with symbolic sizes, and the containers in a file; Flax's files too."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import serialization
from jax import export

import jaxrnn
from jaxrnn import (
    bidirectional,
    gru,
    learnable_start,
    lstm,
    normalize,
    project,
    residual,
    stack,
    unroll,
    vanilla,
)
from jaxrnn.testing import same
from jaxrnn.testing._case import jit

T, B, I = 6, 5, 3
DROPOUT = jaxrnn.Dropout(0.1, 0.2, 0.1, 0.1)
LAYERS = {
    "lstm": unroll(lstm(4)),
    "held": unroll(gru(4), reverse=True, padding="held"),
    "plain": unroll(vanilla(4), engine="scan"),
    "carries": unroll(lstm(4), keep="carries"),
    "chunks": unroll(gru(4, reset="before"), keep="chunks"),
    "around": residual(project(normalize(learnable_start(unroll(vanilla(4)))), I)),
    "deep": stack([bidirectional(gru(4)), unroll(vanilla(4), dropout=DROPOUT)], dropout=0.3),
}
LENGTHS = np.array([6, 5, 4, 0, 2], np.int32)
MASK = np.arange(T * B).reshape(T, B) % 5 != 0
RESETS = np.arange(T * B).reshape(T, B) % 7 == 0


def forms(tree):
    return jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), tree)


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_and_its_gradient_with_symbolic_sizes(name, getkey):
    """Lengths, masks, resets and dropout beside; written, read and called: the same answer."""
    layer = LAYERS[name]
    params, xs = layer.init(getkey(), I), jax.random.normal(getkey(), (T, B, I))

    @jit
    def learn(params, xs, lengths, mask, resets, key):
        def loss(params, xs):
            when = {"lengths": lengths, "mask": mask, "resets": resets, "key": key}
            carry, ys = layer.apply(params, None, xs, **when)
            return (ys**2).sum(), (carry, ys)

        return jax.value_and_grad(loss, (0, 1), has_aux=True)(params, xs)

    asked = params, xs, LENGTHS, MASK, RESETS, jax.random.PRNGKey(0)
    t, b = export.symbolic_shape("T, B")
    sizes = (None, (t, b, I), (b,), (t, b), (t, b), (2,))
    spec = tuple(
        forms(a) if size is None else jax.ShapeDtypeStruct(size, a.dtype)
        for a, size in zip(asked, sizes, strict=True)
    )
    there = export.deserialize(export.export(learn)(*spec).serialize())
    same(there.call(*asked), learn(*asked))


def test_a_language_model_with_symbolic_sizes(getkey):
    model = jaxrnn.language_model(stack([unroll(lstm(4)), unroll(gru(3))]), 7)
    params, tokens = model.init(getkey()), jax.random.randint(getkey(), (T, B), 0, 7, jnp.int32)

    @jit
    def learn(params, tokens, lengths):
        loss = jax.value_and_grad(model.loss, has_aux=True)
        return loss(params, None, tokens, tokens, lengths=lengths), model.apply(
            params, None, tokens
        )

    t, b = export.symbolic_shape("T, B")
    spec = (
        forms(params),
        jax.ShapeDtypeStruct((t, b), jnp.int32),
        jax.ShapeDtypeStruct((b,), np.int32),
    )
    there = export.deserialize(export.export(learn)(*spec).serialize())
    same(there.call(params, tokens, LENGTHS), learn(params, tokens, LENGTHS))


def test_flax_writes_params_and_carries(getkey):
    started = learnable_start(project(unroll(vanilla(2)), 4))
    layer = stack([bidirectional(lstm(3)), unroll(gru(4)), residual(normalize(started))])
    model = jaxrnn.language_model(layer, 7)
    params = model.init(getkey())
    kept = params, model.initial_carry(params, (2,))
    read = serialization.from_bytes(
        jax.tree.map(jnp.zeros_like, kept), serialization.to_bytes(kept)
    )
    assert jax.tree.structure(read) == jax.tree.structure(kept)
    same(read, kept, within=0)
    state = serialization.to_state_dict(params)
    del state["head"]["b"]
    with pytest.raises(ValueError, match=r"HeadParams has the leaves \['b', 'w'\], but .* \['w'\]"):
        serialization.from_state_dict(params, state)
