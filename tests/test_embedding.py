"""Models with a table of rows before the layer, tied to the head or not: one-hot vectors times the
table, written out, is what they equal."""

import dataclasses
import re
from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _table import Leaky
from flax import serialization
from jax import export
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from numpy.testing import assert_allclose, assert_array_equal

import jaxrnn
from jaxrnn import reference, training
from jaxrnn._language_model import HEAD_SCHEMES, cross_entropy

T, B, H, V = 7, 5, 4, 6
GRU, LSTM = jaxrnn.unroll(jaxrnn.gru(H)), jaxrnn.unroll(jaxrnn.lstm(3))
BOTH_WAYS = jaxrnn.stack([jaxrnn.bidirectional(jaxrnn.lstm(3)), GRU])
MODELS = {
    "embedded": jaxrnn.language_model(GRU, V, embedding=3),
    "embedded-both-ways": jaxrnn.language_model(BOTH_WAYS, V, embedding=5),
    "tied": jaxrnn.language_model(GRU, V, embedding=H, tied=True),
    "tied-deep": jaxrnn.language_model(jaxrnn.stack([GRU, LSTM]), V, embedding=3, tied=True),
}


def models(*daily, **more):
    """All of them, but by day these alone."""
    rows = {**MODELS, **more}
    marks = {name: () if name in daily else (pytest.mark.slow,) for name in rows}
    params = [pytest.param(rows[name], id=name, marks=marks[name]) for name in rows]
    return pytest.mark.parametrize("model", params)


def random_like(key, tree):
    """Normal numbers in the form of `tree`: no bias is zero, no carry the initial one."""
    leaves, form = jax.tree.flatten(tree)
    keys = jax.random.split(key, len(leaves))
    draws = [jax.random.normal(k, x.shape, x.dtype) for k, x in zip(keys, leaves, strict=True)]
    return jax.tree.unflatten(form, draws)


def some(getkey, model):
    """Random params, a random carry, and tokens and targets (T, B)."""
    params = random_like(getkey(), model.init(getkey()))
    carry = random_like(getkey(), model.initial_carry(params, (B,)))
    return params, carry, *jax.random.randint(getkey(), (2, T, B), 0, V, jnp.int32)


def same(ours, theirs, tolerance):
    chex.assert_trees_all_close(ours, theirs, rtol=tolerance, atol=tolerance)


def by_hand(model, params, carry, tokens, targets, mask):
    """The loss of one-hot vectors times the table, the layer, and the head's weight, or the table
    turned."""
    xs = jax.nn.one_hot(tokens, V, dtype=params.head.b.dtype) @ params.embedding
    carry, ys = model.layer.apply(params.layer, carry, xs, mask=mask)
    logits = ys @ (params.embedding.T if model.tied else params.head.w)
    losses = cross_entropy(logits + jnp.broadcast_to(params.head.b, logits.shape), targets)
    return jnp.where(mask, losses, 0).sum() / mask.sum().astype(losses.dtype), carry


# The laws of every language model


@pytest.mark.float32
@models("tied-deep")
def test_loss_and_every_gradient_are_the_twins(getkey, tolerance, model):
    params, carry, tokens, targets = some(getkey, model)
    twin = reference.twin(model)
    after, logits = jax.jit(model.apply)(params, carry, tokens)
    same((after, logits), twin.forward(params, carry, tokens)[:2], tolerance)
    rule = jax.jit(jax.value_and_grad(model.loss, argnums=(0, 1), has_aux=True))
    (loss, after), (dparams, dcarry) = rule(params, carry, tokens, targets)
    theirs = twin.loss_and_grad(params, carry, tokens, targets)
    same((loss, after, dparams, dcarry), theirs, tolerance)


@pytest.mark.float32
@models("tied", "own", own=jaxrnn.language_model(jaxrnn.unroll(Leaky(H)), V, embedding=3))
def test_a_model_is_one_hot_vectors_times_its_table(getkey, tolerance, model):
    """Loss and every gradient, with ids that are none among those read, and padding; also of a
    cell that takes no ids itself."""
    params, carry, tokens, targets = some(getkey, model)
    tokens = tokens.at[:2, 1].set(jnp.array([-1, V], jnp.int32))
    mask = jnp.arange(T)[:, None] < jnp.array([[T, 3, 0, 5, T]])
    ours, theirs = (
        jax.jit(jax.value_and_grad(loss, argnums=(0, 1), has_aux=True))
        for loss in (model.loss, partial(by_hand, model))
    )
    asked = params, carry, tokens, targets
    same(ours(*asked, mask=mask), theirs(*asked, mask=mask), tolerance)


@models("tied")
def test_the_rest_of_a_models_meaning(getkey, model):
    """A carry of None, padding's logits, ids as wide as they are written, no batch, two batches."""
    params, carry, tokens, _ = some(getkey, model)
    apply = jax.jit(model.apply)
    zeros = model.initial_carry(params, (B,))
    same(apply(params, None, tokens), apply(params, zeros, tokens), 0)
    _, logits = apply(params, carry, tokens, lengths=jnp.arange(B))
    for b in range(B):
        assert_array_equal(logits[b:, b], np.broadcast_to(params.head.b, logits[b:, b].shape))
    far = np.array([[2**32 + 1, 2, 2**63 - 1, -(2**32), 0]])
    near = np.array([[-1, 2, -1, -1, 0]], np.int32)
    same(model.apply(params, carry, far), model.apply(params, carry, near), 0)
    _, want = apply(params, None, tokens)
    same(apply(params, None, tokens[:, 2])[1], want[:, 2], 1e-12)
    same(apply(params, None, tokens[:, None])[1], want[:, None], 1e-12)


@models("tied")
def test_an_unknown_target_and_small_floats(getkey, model):
    """The one is NaN in the loss and in every gradient; bfloat16 stays what it is."""
    params, carry, tokens, targets = some(getkey, model)
    rule = jax.jit(jax.value_and_grad(model.loss, has_aux=True))
    (loss, _), gradient = rule(params, carry, tokens, targets.at[3, 2].set(V))
    assert np.isnan(loss) and all(np.isnan(leaf).any() for leaf in jax.tree.leaves(gradient))
    small = model.init(getkey(), jnp.bfloat16)
    assert {leaf.dtype for leaf in jax.tree.leaves(small)} == {jnp.dtype(jnp.bfloat16)}
    loss, _ = model.loss(small, None, tokens, targets)
    wide = jax.tree.map(lambda a: a.astype(jnp.float32), small)
    assert_allclose(loss, model.loss(wide, None, tokens, targets)[0], rtol=1e-2)
    assert loss.dtype == jnp.float32


@pytest.mark.float32
@models("embedded-both-ways")
def test_generation_is_a_plain_loop(getkey, model):
    params, *_ = some(getkey, model)
    params = jax.tree.map(lambda a: 3 * a if a.ndim == 2 else 0.1 * a, params)
    apply, prefixes = jax.jit(model.apply), ([3], [1, 4, 4, 0], [2, 5])
    want = []
    for prefix in prefixes:
        carry, said = model.initial_carry(params), []
        for token in prefix:
            carry, logits = apply(params, carry, np.array([token], np.int32))
        while len(said) < 9:
            said.append(int(np.argmax(logits[0])))
            carry, logits = apply(params, carry, np.array(said[-1:], np.int32))
        want.append(said)
    assert len(set(map(tuple, want))) > 1
    rows = np.array([prefix + [V] * (4 - len(prefix)) for prefix in prefixes], np.int32)
    said = model.generate(params, rows.T, np.array([1, 4, 2]), 9)
    assert_array_equal(said, np.array(want).T)


# How a model begins


@pytest.mark.parametrize("initializer", HEAD_SCHEMES)
def test_without_an_embedding_nothing_is_new(getkey, initializer):
    """The same leaves in the same order, and of one key the same numbers."""
    model, key = jaxrnn.language_model(LSTM, V, initializer=initializer), getkey()
    params = model.init(key)
    key_layer, key_head = jax.random.split(key)
    layer = LSTM.init(key_layer, V)
    head = HEAD_SCHEMES[initializer](key_head, 3, V, params.head.b.dtype)
    assert params.embedding is None
    leaves = jax.tree.leaves(params)
    want = [layer.w_x, layer.w_h, layer.b, head.w, head.b]
    for ours, theirs in zip(leaves, want, strict=True):
        assert_array_equal(ours, theirs)
    assert repr(model) == repr(jaxrnn.LanguageModel(LSTM, V, initializer))
    assert "embedding" not in repr(model) and "dropout" not in repr(model)


@pytest.mark.float32
def test_a_table_begins_with_rows_of_length_one(getkey):
    model = jaxrnn.language_model(jaxrnn.unroll(jaxrnn.gru(64)), 300, embedding=64, tied=True)
    params = model.init(getkey())
    assert params.embedding.shape == (300, 64) and params.head.w is None
    assert params.layer.w_x.shape == (64, 3 * 64) and params.head.b.shape == (300,)
    assert_allclose(np.std(params.embedding), 1 / 8, rtol=0.03)
    assert_allclose(np.linalg.norm(params.embedding, axis=1).mean(), 1, rtol=0.03)
    assert np.max(np.abs(params.embedding)) > 3 / 8, "normal, not uniform"
    _, logits = model.apply(params, None, np.arange(40)[:, None] % 300)
    assert 0.01 < np.std(logits) < 1


def test_table_layer_and_head_do_not_share_their_randomness(getkey):
    layer = jaxrnn.unroll(jaxrnn.vanilla(V, initializer="pytorch_uniform"))
    model = jaxrnn.language_model(layer, V, initializer="small_normal", embedding=V)
    params = model.init(getkey())
    squares = [params.layer.w_x, params.layer.w_h, params.head.w, params.embedding]
    alike = [np.corrcoef(np.ravel(a), np.ravel(b))[0, 1] for a in squares for b in squares]
    assert sum(np.abs(alike) > 0.9) == len(squares), "each is like itself alone"
    assert not np.array_equal(params.embedding, model.init(getkey()).embedding)


# Dropout


@dataclasses.dataclass(frozen=True)
class Echo:
    """A layer of one's own without params, which takes no key: ys are the xs."""

    output_size: int

    def init(self, key, input_size, dtype=None):
        return ()

    def initial_carry(self, params, batch_shape=()):
        return ()

    def apply(self, params, carry, xs, *, lengths=None, mask=None, resets=None):
        return (), xs


def masks(getkey, model, tokens):
    """What dropout makes of a table of ones, as a head of the identity shows it."""
    params = model.init(getkey())
    head = dataclasses.replace(params.head, w=jnp.eye(V, dtype=params.head.w.dtype))
    table = None if params.embedding is None else jnp.ones_like(params.embedding)
    params = dataclasses.replace(params, head=head, embedding=table)
    assert_array_equal(model.apply(params, None, tokens)[1], np.ones((*tokens.shape, V)))
    return np.asarray(model.apply(params, None, tokens, key=getkey())[1])


def test_dropout_is_on_inputs_and_outputs_anew_at_each_instant(getkey):
    model = jaxrnn.language_model(Echo(V), V, embedding=V, dropout=0.25)
    tokens = np.zeros((200, 10), np.int32)
    seen = masks(getkey, model, tokens)
    kept = seen > 0
    assert_allclose(seen[kept], (4 / 3) ** 2, rtol=1e-6), "scaled twice"
    assert abs(kept.mean() - 0.75**2) < 0.02, "two masks, each its own"
    rows = kept.reshape(2000, V)
    assert len(np.unique(rows, axis=0)) == 2**V, "no two instants, rows or features share a mask"
    for axis in (0, 1):
        agree = (kept == np.roll(kept, 1, axis=axis)).mean()
        assert abs(agree - (0.5625**2 + 0.4375**2)) < 0.03


def test_a_layers_own_key_is_apart(getkey):
    """A layer without dropout of its own computes the same of the same inputs; and the key of a
    model without dropout is the layer's."""
    drops = jaxrnn.unroll(jaxrnn.gru(H), dropout=jaxrnn.Dropout(recurrent=0.5))
    plain, both = (
        jaxrnn.language_model(drops, V, embedding=3, dropout=rate) for rate in (0.0, 0.5)
    )
    params, carry, tokens, targets = some(getkey, plain)
    key = getkey()
    xs = params.embedding[tokens]
    _, ys = drops.apply(params.layer, carry, xs, key=key)
    logits = ys @ params.head.w
    want = logits + jnp.broadcast_to(params.head.b, logits.shape)
    same(plain.apply(params, carry, tokens, key=key)[1], want, 1e-12)
    one, again, other = (
        both.loss(params, carry, tokens, targets, key=k)[0] for k in (key, key, getkey())
    )
    assert one == again != other
    none = [m.loss(params, carry, tokens, targets)[0] for m in (plain, both)]
    assert none[0] == none[1] != one


@pytest.mark.standard_promotion  # optax.sgd mixes dtypes
def test_a_model_that_drops_is_trained_with_a_key(getkey):
    model = jaxrnn.language_model(GRU, V, dropout=0.3)
    params = model.init(getkey())
    ids = jnp.zeros((2, T, B), jnp.int32)
    carry, sgd = model.initial_carry(params, (B,)), training.optimizer("sgd", 1e-9, 1.0)

    with pytest.raises(ValueError, match=r"a layer with dropout \(0.3\) is trained without a key"):
        training.epoch(model.loss, sgd, training.start(params, sgd, carry), ids, ids, carry)


# Containers, devices, programs


def test_params_are_written_and_read(getkey):
    """By Flax, with None for what is not there, also where a file of old does not name it."""
    for model in MODELS.values():
        params = model.init(getkey())
        zeros = jax.tree.map(jnp.zeros_like, params)
        read = serialization.from_bytes(zeros, serialization.to_bytes(params))
        assert jax.tree.structure(read) == jax.tree.structure(params)
        same(read, params, 0)
    plain = jaxrnn.language_model(GRU, V).init(getkey())
    state = serialization.to_state_dict(plain)
    assert state.pop("embedding") is None
    same(serialization.from_state_dict(plain, state), plain, 0)
    state = serialization.to_state_dict(params)
    del state["embedding"]
    with pytest.raises(ValueError, match=r"has the leaves \['embedding', 'head', 'layer'\], but"):
        serialization.from_state_dict(params, state)


@pytest.mark.slow
def test_a_tied_model_with_symbolic_sizes(getkey):
    model = MODELS["tied"]
    params, _, tokens, targets = some(getkey, model)
    rule = jax.jit(
        lambda p, ids, targets: jax.grad(lambda p: model.loss(p, None, ids, targets)[0])(p)
    )
    t, b = export.symbolic_shape("T, B")
    ids = jax.ShapeDtypeStruct((t, b), jnp.int32)
    forms = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), params)
    there = export.deserialize(export.export(rule)(forms, ids, ids).serialize())
    same(there.call(params, tokens, targets), rule(params, tokens, targets), 1e-12)


@pytest.mark.parametrize(
    "kind", [pytest.param(AxisType.Auto, marks=pytest.mark.slow), AxisType.Explicit]
)
def test_a_batch_over_devices(getkey, kind):
    """By NamedSharding and by `jax.shard_map`: one device's loss and gradients."""
    rows, devices = 8, 4
    model = jaxrnn.language_model(GRU, V, embedding=H, tied=True)
    params = random_like(getkey(), model.init(getkey()))
    both = jax.random.randint(getkey(), (2, T, rows), 0, V, jnp.int32)

    def loss(params, tokens, targets):
        return model.loss(params, None, tokens, targets)[0]

    rule = jax.jit(jax.value_and_grad(loss))
    want = jax.tree.map(np.asarray, rule(params, *both))
    mesh = jax.make_mesh((devices,), ("batch",), axis_types=(kind,))
    whole, split = PartitionSpec(), PartitionSpec(None, "batch")
    there = jax.device_put(params, NamedSharding(mesh, whole))
    tokens, targets = (jax.device_put(ids, NamedSharding(mesh, split)) for ids in both)
    with jax.set_mesh(mesh):
        same(jax.tree.map(np.asarray, rule(there, tokens, targets)), want, 1e-12)

    @partial(jax.shard_map, mesh=mesh, in_specs=(whole, split, split), out_specs=whole)
    def mean(params, tokens, targets):
        return jax.lax.pmean(loss(params, tokens, targets), "batch")

    got = jax.jit(jax.value_and_grad(mean))(there, tokens, targets)
    same(jax.tree.map(np.asarray, got), want, 1e-12)


# What is refused


BAD = {
    "zero": ({"embedding": 0}, "`embedding` must be positive, got 0"),
    "half": ({"embedding": 2.5}, "`embedding` must be a positive integer, got 2.5"),
    "flag": ({"embedding": H, "tied": 1}, "`tied` must be True or False, got 1"),
    "tied-to-nothing": (
        {"tied": True},
        "`tied` needs an embedding of the layer's output_size, `embedding=4`, got None",
    ),
    "tied-to-another": (
        {"embedding": 3, "tied": True},
        "`tied` needs an embedding of the layer's output_size, `embedding=4`, got 3",
    ),
    "all": ({"dropout": 1.0}, r"`dropout` must be a rate in \[0, 1\), got 1.0"),
    "some": ({"dropout": "half"}, r"`dropout` must be a rate in \[0, 1\), got 'half'"),
    "true": ({"embedding": True}, "`embedding` must be a positive integer, got True"),
}


@pytest.mark.parametrize("fields, sentence", BAD.values(), ids=BAD)
def test_models_that_are_none(fields, sentence):
    with pytest.raises((TypeError, ValueError), match=sentence) as error:
        jaxrnn.language_model(GRU, V, **fields)
    assert len(str(error.value)) < 200


def test_params_of_another_model(getkey):
    """Of one with a table, of one without, of another size, tied where it is not."""
    plain, embedded, tied = (
        jaxrnn.language_model(GRU, V),
        MODELS["embedded"],
        MODELS["tied"],
    )
    wide = jaxrnn.language_model(GRU, V, embedding=H)
    tokens = np.zeros((T, B), np.int32)
    for model, other, sentence in (
        (plain, embedded, "`embedding` of the params has shape (6, 3), but Language"),
        (embedded, plain, "`embedding` of the params has shape None, but Language"),
        (embedded, wide, "needs (6, 3): take the params from its `init`"),
        (tied, wide, "`head.w` of the params is an array, but"),
        (wide, tied, "has tied=False: take the params from its `init`"),
    ):
        params = other.init(getkey())
        for act in (
            lambda model=model, params=params: model.apply(params, None, tokens),
            lambda model=model, params=params: model.loss(params, None, tokens, tokens),
            lambda model=model, params=params: model.generate(params, tokens, np.ones(B, int), 2),
        ):
            with pytest.raises(ValueError, match=re.escape(sentence)):
                act()


def test_tokens_that_are_none(getkey):
    model = MODELS["tied"]
    params = model.init(getkey())
    for bad, sentence in (
        (np.int32(1), r"xs must be \(T, \*batch\) of token ids.*got shape \(\) int32"),
        (np.zeros((T, B)), "tokens must be integers, got float64"),
        ("text", "tokens must be an array of JAX or NumPy, got str 'text'"),
    ):
        with pytest.raises((TypeError, ValueError), match=sentence):
            model.apply(params, None, bad)
