"""One instant of the loop that was read: forwards, and again for the way back."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from jaxrnn._adjoint import put
from jaxrnn.engine import _activations, _products, _turned
from jaxrnn.engine._joint import Joint
from jaxrnn.engine._program import look
from jaxrnn.engine._project import do
from jaxrnn.engine._read import ONCE, Reading

custom_vjp: Any = jax.custom_vjp  # what it makes has no type that a checker can use


def instant(
    reading: Reading, w: list, carry: list, drives: list, steps: Any = 1
) -> tuple[list, list, list]:
    """One instant forwards, of a loop of so many steps: carry, outs, and what is kept of the
    joints: the sums, or their gates where these are `shown`."""
    env = _env(reading, w, carry, drives)
    for e in reading.loop:
        if joint := reading.joint_at.get(id(e)):
            stays = reading.rank(joint.operands[1]) == ONCE
            operands = (look(env, v) for v in joint.operands)
            outs = joint(reading.narrow, steps if stays else 1, *operands)
            env |= dict(zip([p.outvars[0] for p in joint.products], outs, strict=True))
        elif id(e) in reading.gates_at:
            _gates(reading, reading.gates_at[id(e)], env)
        elif id(e) not in reading.done:
            _do(reading, e, env)
    carry, outs = _outputs(reading, env)
    points = [outs[reading.shown[v]] if v in reading.shown else env[v] for v in reading.points]
    return carry, outs, points


def again(reading: Reading, w: list, carry: list, drives: list, points: list) -> Any:
    """`instant` from what was kept: (carry, outs) and the operands of each joint."""
    env, operands = _env(reading, w, carry, drives), {}
    for e in reading.loop:
        if joint := reading.joint_at.get(id(e)):
            operands[joint] = [look(env, v) for v in joint.operands]
            kept = [points[reading.points.index(out)] for out in joint.outs]
            sums = _known(reading, joint, kept, operands[joint])
            env |= dict(zip(joint.outs, sums, strict=True))
        elif (v := reading.gates_at.get(id(e))) in reading.shown:
            kinds, (gate,) = reading.gates[v]
            env[gate] = _given(kinds, env[v])
        elif v is not None:
            _gates(reading, v, env)
        elif id(e) in reading.rest_ids and id(e) not in reading.done:
            _do(reading, e, env)
    return _outputs(reading, env), [operands[joint] for joint in reading.joints]


@partial(custom_vjp, nondiff_argnums=(0, 1))
def _known(reading: Reading, joint: Joint, sums: list, operands: list) -> list:
    """`sums`, as what the joint's product of `operands` came to: a cotangent of theirs is theirs,
    and goes on to the operands that do not get theirs for all of time at once."""
    return sums


def _known_backwards(reading, joint, operands, cts):
    at = tuple(i for i, v in enumerate(joint.operands) if reading.in_loop(joint, v))
    whole = joint.merge(cts)
    of = joint.equation, reading.narrow, tuple(operands), at, whole
    back = _products.adjoint(*of, back=_turned.back)
    return cts, put([None] * len(operands), [*at], back)


_known.defvjp(lambda reading, joint, sums, operands: (sums, operands), _known_backwards)


@partial(custom_vjp, nondiff_argnums=(0,))
def _given(kinds: tuple[str, ...], gate: Any) -> Any:
    """`gate`, whose cotangent is that of the sum it is of."""
    return gate


_given.defvjp(
    lambda kinds, gate: (gate, gate),
    lambda kinds, gate, ct: (ct * _activations.slopes(kinds, gate),),
)


def _gates(reading: Reading, v: Any, env: dict) -> None:
    """Enter the gates of a sum into `env`."""
    kinds, names = reading.gates[v]
    read = any(reading.readers.get(name) for name in names)
    whole = _activations.apart(_activations.each(kinds, env[v], read))
    parts = jnp.split(whole, len(kinds), axis=-1) if len(kinds) > 1 else [whole]
    env |= dict(zip(names, parts, strict=True))


def _env(reading: Reading, *given: list) -> dict:
    names = [*reading.w, *reading.carry_in, *reading.drives]
    return dict(zip(names, [a for many in given for a in many], strict=True))


def _outputs(reading: Reading, env: dict) -> tuple[list, list]:
    outs, n = [look(env, v) for v in reading.outs], len(reading.carry_in)
    return outs[:n], outs[n:]


def _do(reading: Reading, e: Any, env: dict) -> None:
    """Enter into `env` what one equation of the loop gives."""
    values = [look(env, v) for v in e.invars]
    if e.primitive.name in _activations.FORMS:
        outs = [_activations.one(e.primitive.name)(*values)]
    else:
        outs = do(e, reading.narrow, *values)
    env |= dict(zip(e.outvars, outs, strict=True))
