"""A batch over several devices: every layer, under `jax.shard_map` and under NamedSharding, gives
what one device gives. `conftest.py` makes four devices of one CPU."""

import re
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _table import AROUND, LAYERS
from jax.sharding import AxisType, NamedSharding, PartitionSpec

import jaxrnn
from jaxrnn.testing import Answer, draw, same
from jaxrnn.testing._case import jit, pull

DEVICES, B = 4, 8
DAILY = ("lstm-reversed", "gru-deep", "own-one")
ALL = LAYERS | AROUND
NAMES = [n if n in DAILY else pytest.param(n, marks=pytest.mark.slow) for n in ALL]

# The batch axis of (params, carry, xs, (dcarry, dys), when), and of an answer; None has none.
QUESTION = (None, 0, 1, (0, 1), 1)
ANSWER = Answer(carry=0, ys=1, dparams=None, dcarry=0, dxs=1)


@pytest.fixture(params=[AxisType.Auto, AxisType.Explicit], ids=lambda kind: kind.name)
def mesh(request):
    assert jax.device_count() >= DEVICES
    return jax.make_mesh((DEVICES,), ("batch",), axis_types=(request.param,))


def specs(axes, tree):
    """PartitionSpecs for every leaf of `tree`, whose batch axes are `axes`."""
    if axes is not None and not isinstance(axes, int):
        return (
            type(tree)(*map(specs, axes, tree))
            if hasattr(tree, "_fields")
            else tuple(map(specs, axes, tree))
        )
    spec = PartitionSpec() if axes is None else PartitionSpec(*[None] * axes, "batch")
    return jax.tree.map(lambda _: spec, tree)


def placed(mesh, axes, tree):
    at = jax.tree.map(lambda spec: NamedSharding(mesh, spec), specs(axes, tree))
    return jax.device_put(tree, at)


def numpy(tree):
    return jax.tree.map(np.asarray, tree)


def question(name):
    case = draw(ALL[name], 3, 0, batch=B)
    return case.question(mask=case.valid, resets=case.fresh)


@pytest.mark.parametrize("name", NAMES)
def test_shard_map(name, mesh):
    """Each device has its rows; the gradient of the params is summed over devices by itself."""
    asked, one = question(name), partial(pull, ALL[name].apply)
    want = numpy(jit(one)(*asked))
    many = jax.shard_map(
        one, mesh=mesh, in_specs=specs(QUESTION, asked), out_specs=specs(ANSWER, want)
    )
    same(numpy(jit(many)(*placed(mesh, QUESTION, asked))), want)


@pytest.mark.parametrize("name", NAMES)
def test_named_sharding(name, mesh):
    """The compiler divides the work by where the arrays lie; no word of devices in the code."""
    asked, one = question(name), jit(partial(pull, ALL[name].apply))
    want = numpy(one(*asked))
    got = one(*placed(mesh, QUESTION, asked))
    assert len(got.ys.sharding.device_set) == DEVICES
    same(numpy(got), want)


def test_a_language_model_with_dropout(mesh, getkey):
    """Masks are those of one device; loss and gradient too, by both ways of sharding."""
    dropout = jaxrnn.Dropout(inputs=0.2, recurrent=0.3, weights=0.1, zoneout=0.1)
    layers = [jaxrnn.unroll(cell, dropout=dropout) for cell in (jaxrnn.gru(4), jaxrnn.lstm(3))]
    model = jaxrnn.language_model(jaxrnn.stack(layers, dropout=0.4), 11)
    params, key = model.init(getkey()), getkey()
    tokens, targets = jax.random.randint(getkey(), (2, 7, B), 0, 11, jnp.int32)

    @jit
    def learn(params, tokens, targets):
        return jax.value_and_grad(model.loss, has_aux=True)(params, None, tokens, targets, key=key)

    (want, _), gradient = learn(params, tokens, targets)
    there = placed(mesh, (None, 1, 1), (params, tokens, targets))
    with jax.set_mesh(mesh):
        (loss, _), sharded = learn(*there)
    same(numpy((loss, sharded)), numpy((want, gradient)))

    @partial(
        jax.shard_map, mesh=mesh, in_specs=specs((None, 1, 1), there), out_specs=PartitionSpec()
    )
    def mean(params, tokens, targets):
        return jax.lax.pmean(model.loss(params, None, tokens, targets)[0], "batch")

    want = jit(jax.value_and_grad(lambda p: model.loss(p, None, tokens, targets)[0]))(params)
    same(numpy(jit(jax.value_and_grad(mean))(*there)), numpy(want))


SPLIT = {
    **{name: LAYERS[name] for name in ("lstm-deep", "gru-stack", "gru-before-one", "own-deep")},
    "relu": jaxrnn.bidirectional(jaxrnn.vanilla(4, "relu")),
    "carries": jaxrnn.unroll(jaxrnn.lstm(4), keep="carries"),
    "chunks": jaxrnn.unroll(jaxrnn.gru(4), keep="chunks"),
    "bfloat16": jaxrnn.unroll(jaxrnn.lstm(4), matmul_dtype="bfloat16"),
}


@pytest.mark.parametrize(
    ("name", "tokens"),
    [
        *(pytest.param(name, False, id=f"{name}-features") for name in SPLIT),
        *(pytest.param(n, True, id=f"{n}-tokens") for n in SPLIT if not n.startswith("own")),
    ],
)
def test_a_gradient_gathers_nothing(name, tokens):
    """Each device works on its rows; sums of gradients are all that goes between them."""
    layer, mesh = SPLIT[name], jax.make_mesh((DEVICES,), ("batch",), axis_types=(AxisType.Auto,))
    params = jax.eval_shape(lambda: layer.init(jax.random.key(0), 5))
    xs = jax.ShapeDtypeStruct((6, B) if tokens else (6, B, 5), jnp.int32 if tokens else jnp.float64)

    def loss(params, xs):
        lengths = jnp.arange(B, dtype=jnp.int32)
        return (layer.apply(params, None, xs, lengths=lengths)[1] ** 2).sum()

    whole, rows = (NamedSharding(mesh, PartitionSpec(*axes)) for axes in ((), (None, "batch")))
    gradient = jit(jax.grad(loss), in_shardings=(whole, rows), out_shardings=whole)
    program = gradient.lower(params, xs).compile().as_text()
    sent = set(re.findall(r"\b(all-\w+|collective-\w+|reduce-scatter)(?:-start)?\(", program))
    assert sent == {"all-reduce"}
