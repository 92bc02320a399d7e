"""Cotangents of the carry that come of a joint's sums, had at the instant before.

h' = f(h W + …): the cotangent of h is that of the rest, and that of the sums times Wᵀ. An instant
of the way back hands on the sums' cotangent as it is, and the instant before multiplies it: then
all that is pointwise lies between two products, and on a GPU in few kernels. A leaf of the carry
that products alone read has no rest, if what comes to the last instant goes with an output that is
the same.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxrnn._adjoint import pick, put
from jaxrnn.engine import _products
from jaxrnn.engine._read import Reading


class Awaited:
    """Of a walk backwards: `at` are the leaves of the carry that have a cotangent, `dafter` what
    comes to the last instant."""

    def __init__(self, reading: Reading, w: list, at: list[int], dafter: list):
        self.reading, self.at, self.dafter = reading, at, dafter
        self.joints = [joint for joint in reading.joints if reading.awaited(joint)]
        self.only = [i for i in at if reading.alone(reading.carry_in[i])]
        self.at_rest = [i for i in at if i not in self.only]
        # Rounded here, once: XLA would leave that in the loop.
        named = dict(zip(reading.w, w, strict=True))
        read = dict.fromkeys(joint.operands[1] for joint in self.joints)
        self.weights = {v: _products.operand(named[v], reading.narrow) for v in read}

    def with_outs(self, douts: list, end: int) -> list:
        """The cotangents of the outputs, where those of the carry without rest are with them."""
        douts = list(douts)
        for i in self.only:
            j = self.reading.echoes[i]
            both = douts[j][end] + self.dafter[i]
            douts[j] = jax.lax.dynamic_update_index_in_dim(douts[j], both, end, 0)
        return douts

    def start(self, points: list) -> tuple[list, list]:
        """What the last instant is given: the cotangents of `at_rest`, and of sums, none."""
        nothing = [jnp.zeros(a.shape[1:], a.dtype) for a in points]
        return pick(self.dafter, self.at_rest), self.of_sums(nothing)

    def of_sums(self, deltas: list) -> list:
        """The sums' cotangents, a joint each."""
        of = dict(zip(self.reading.points, deltas, strict=True))
        return [joint.merge([of[out] for out in joint.outs]) for joint in self.joints]

    def handed_on(self, dcarry: list, deltas: list) -> tuple[list, list]:
        """What an instant hands on: `dcarry` are its cotangents of `at`, without these."""
        return pick(put(self.dafter, self.at, dcarry), self.at_rest), self.of_sums(deltas)

    def arrived(self, handed_on: tuple[list, list]) -> list:
        """The whole cotangents of `at`."""
        rest, sums = handed_on
        dcarry = put([None] * len(self.dafter), self.at_rest, rest)
        for joint, whole in zip(self.joints, sums, strict=True):
            x, w = joint.operands
            i = self.reading.carry_in.index(x)
            back = _products.back(joint.equation, self.reading.narrow, self.weights[w], whole)
            dcarry[i] = back if dcarry[i] is None else dcarry[i] + back
        return pick(dcarry, self.at)
