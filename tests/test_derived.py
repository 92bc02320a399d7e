"""The derived walk of any step is its plain scan: outputs and every gradient, both ways."""

import dataclasses

import jax
import jax.numpy as jnp
import pytest
from _agrees import T, agrees, inexact, of_floats, pulled, question
from _odd_steps import ODD, H, I, usual
from jax.sharding import AxisType
from jax.sharding import PartitionSpec as P

import jaxrnn
from jaxrnn import engine
from jaxrnn.testing import same

USUAL_CELL = dataclasses.replace(ODD["jit_of_it"], function=usual)


RULED = "custom_vjp_of_a_product"
DAILY = [  # the rest is slow
    "jit_of_it",
    RULED,
    "cond_of_the_carry",
    "scan_inside",
    "while_of_the_input",
    "convolutions",
    "weight_first",
    "weight_used_twice",
    "weight_used_elsewhere",
    "product_of_carry_and_input",
    "gates_of_unequal_parts",
    "a_gate_used_raw_too",
    "without_batch",
    "integer",
    "random_key",
    "greatest",
    "side_by_side",
    "swapped",
    "one_value_in_two_leaves",
]
WIDER = [  # of the slow tests
    *DAILY,
    "weights_of_one_operand",
    "sums_that_leave_at_once",
    "many_terms",
    "product_with_itself",
    "a_leaf_that_none_reads",
    "no_params",
    "y_is_of_params",
]


@pytest.mark.parametrize(
    "name", [n if n in DAILY else pytest.param(n, marks=pytest.mark.slow) for n in ODD]
)
def test_odd_steps(name):
    agrees(ODD[name])


GAPS = {"lengths": jnp.array([5, 0, 3]), "resets": jnp.arange(3 * T).reshape(T, 3) % 4 == 1}
GAPPED = ("many_terms", "one_value_in_two_leaves", "integer")
OF_THREE_ROWS = [name for name, cell in ODD.items() if cell.batch == (3,)]


@pytest.mark.parametrize(
    "name",
    [n if n in GAPPED else pytest.param(n, marks=pytest.mark.slow) for n in OF_THREE_ROWS],
)
def test_odd_steps_with_gaps(name):
    agrees(ODD[name], when=GAPS)


@pytest.mark.parametrize(
    "name",
    [
        "swapped",
        "integer",
        "boolean",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("sums_that_leave_at_once", "random_key")
        ),
    ],
)
def test_zones(name, getkey):
    """On all that is a float."""
    agrees(ODD[name], when=GAPS | {"key": getkey()}, dropout=jaxrnn.Dropout(zoneout=0.4))


@pytest.mark.parametrize("keep", ["carries", "chunks"])
@pytest.mark.parametrize(
    "name", [n if n in GAPPED else pytest.param(n, marks=pytest.mark.slow) for n in ODD]
)
def test_what_is_kept(name, keep):
    agrees(ODD[name], asked={"steps": 7}, keep=keep)


def test_one_instant():
    agrees(ODD["swapped"], asked={"steps": 1})


def test_no_instant():
    agrees(ODD["swapped"], asked={"steps": 0}, fast="auto")


def over_params(walk):
    return lambda *a: jax.vmap(walk)(*(jnp.stack([b, 1.1 * b, b - 0.1]) for b in a))


def over_inputs(walk):
    def mapped(*a):
        axes = (*(None for _ in a[1:]), 0)
        return jax.vmap(walk, axes)(*a[:-1], jnp.stack([a[-1], a[-1] + 1]))

    return mapped


def gradients(walk):
    def loss(*a):
        return sum((o**2).sum() for o in inexact(walk(*a)))

    def grads(*a):
        return list(jax.grad(loss, tuple(range(len(a))))(*a))

    return grads


def spread_out(walk):
    mesh = jax.make_mesh((2,), ("d",), axis_types=(AxisType.Auto,))
    return jax.shard_map(walk, mesh=mesh, in_specs=P(), out_specs=P())


def split_rows(walk):
    """The carry and xs by their rows: last but one, and last of the arrays."""
    mesh = jax.make_mesh((3,), ("d",), axis_types=(AxisType.Auto,))

    def split(*a):
        of = (*(P() for _ in a[2:]), P("d"), P(None, "d"))
        return jax.shard_map(walk, mesh=mesh, in_specs=of, out_specs=[P("d"), P(None, "d")])(*a)

    return split


WRAPS = [over_params, gradients, split_rows]


@pytest.mark.parametrize(
    "wrap",
    [
        *WRAPS,
        *(
            pytest.param(w, marks=pytest.mark.slow)
            for w in (over_inputs, jax.checkpoint, spread_out)
        ),
    ],
)
def test_transformations(wrap):
    agrees(USUAL_CELL, wrap=wrap)


@pytest.mark.parametrize(
    "name",
    [n if n in ("swapped", RULED) else pytest.param(n, marks=pytest.mark.slow) for n in WIDER],
)
def test_mapped_over_inputs(name):
    """`swapped` has an output that no mapped input reaches."""
    agrees(ODD[name], 1e-11, wrap=over_inputs)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in WIDER if name != RULED])
def test_gradients_of_gradients(name):
    """Of all but a step whose own rule is not that of its derivative."""
    agrees(ODD[name], 1e-11, wrap=gradients)


@pytest.mark.slow
@pytest.mark.parametrize(("dtype", "within"), [(jnp.bfloat16, 0.1), (jnp.float32, 1e-5)])
def test_small_dtypes(dtype, within):
    agrees(USUAL_CELL, within, asked={"dtype": dtype})


@pytest.mark.parametrize("concrete", [True, False])
def test_closed_over(concrete, getkey):
    """An array that `step` closes over is a constant; a traced one has a gradient and a tangent."""
    u, grads = jax.random.normal(getkey(), (H, H)) / 2, {}
    for engine_name in ("derived", "scan"):

        def loss(u, engine_name=engine_name):
            def step(p, h, x):
                return jnp.tanh(h @ u + x @ p.w), h @ u * u.sum()

            cell = dataclasses.replace(USUAL_CELL, function=step)
            walk = jaxrnn.unroll(cell, engine=engine_name).apply
            values = question(cell)
            outs, back = pulled(*of_floats(walk, *values))
            return sum((a**2).sum() for a in (*outs, *(back if concrete else ())))

        of_u = [loss(u)] if concrete else [jax.grad(loss)(u), *jax.jvp(loss, (u,), (jnp.cos(u),))]
        grads[engine_name] = of_u
    for got, want in zip(grads["derived"], grads["scan"], strict=True):
        same(got, want, 1e-12)


def choice(cell):
    return engine.choose(cell, input_size=I)


def test_inputs_and_carry_side_by_side_are_taken_apart():
    told = engine.explain(ODD["side_by_side"], I)
    assert told.all_time == "2 dot_general" and "concatenate" not in told.loop


def test_a_reason_is_told_once():
    told = str(engine.explain(jaxrnn.gru(4), I))
    assert told.count("not linear") == 1 and "not associative (see linear)" in told


def test_side_effects_fall_back(capfd):
    def loud(p, h, x):
        jax.debug.print("{}", h.sum())
        return usual(p, h, x)

    cell = dataclasses.replace(USUAL_CELL, function=loud)
    why = choice(cell).refused["derived"]
    assert choice(cell).path == "scan" and "it has side effects (" in why
    assert str(engine.explain(cell, I)).count(why) == 1
    with pytest.raises(ValueError, match="side effects"):
        agrees(cell)
    params, carry, xs = question(cell)
    ys = jaxrnn.unroll(cell).apply(params, carry, xs)[1]
    same(ys, jaxrnn.unroll(USUAL_CELL).apply(params, carry, xs)[1], 1e-12)
    assert capfd.readouterr().out.count("\n") >= T
