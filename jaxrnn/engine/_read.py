"""One instant of a cell, read: what waits for no carry, and the products of the loop that remains.

`jax.make_jaxpr` writes an instant ``body(shared, carry, x) -> (carry, out)`` as equations. Each
waits for `shared` alone (done ONCE), for x (done for all of TIME at once), or for the carry (the
LOOP). A product of the loop is kept for the way back as a *joint*: together with what is added to
it that waits for no carry.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Literal

from jaxrnn._adjoint import inexact
from jaxrnn._platform import is_gpu
from jaxrnn.engine import _products
from jaxrnn.engine._joint import Joint
from jaxrnn.engine._program import holds, in_parts, inlined, variables

ONCE, TIME, LOOP = range(3)
SPREAD = "broadcast_in_dim"
SETTLES = ("tanh", "logistic")
LINEAR = (
    *("add", "sub", "neg", "split", "slice", "reshape", "squeeze", "transpose"),
    *("convert_element_type", SPREAD),
)


class Unread(Exception):
    """Why an instant cannot be read, in a sentence."""


class Reading:
    """An instant in three parts. `shared` is a flat list of arrays, constants first."""

    # Variables and equations are `jax.extend.core`'s, which have no types of their own here.
    narrow: Any
    on_gpu: bool
    jaxpr: Any
    consts: Any
    shared_in: list[Any]
    carry_in: list[Any]
    x_in: list[Any]
    outs: list[Any]
    one_way: bool
    once: list[Any]
    time: list[Any]
    loop: list[Any]
    spread: dict[Any, Any]
    joints: list[Joint]
    joint_at: dict[int, Joint]
    wide: set[Any]
    rest: list[Any]
    rest_ids: set[int]
    points: list[Any]
    done: set[int]
    shown: dict[Any, int]
    w: list[Any]
    drives: list[Any]
    elsewhere: set[Any]
    free: list[Any]
    read: list[Any]

    def __init__(self, body: Callable, shared: Any, carry: Any, x: Any, narrow: Any = None):
        self.out_tree: Any = None  # of (carry, out), once the body was called
        flat, tree = jax.tree.flatten((shared, carry, x))
        n_shared, n_carry = len(jax.tree.leaves(shared)), len(jax.tree.leaves(carry))
        self.narrow, self.on_gpu = narrow, is_gpu()

        def flat_body(*flat):
            leaves, self.out_tree = jax.tree.flatten(body(*jax.tree.unflatten(tree, flat)))
            return leaves

        traced = inlined(jax.make_jaxpr(flat_body)(*flat))
        if traced.effects:
            raise Unread(f"it has side effects ({', '.join(map(str, traced.effects))})")
        ranks = [ONCE] * n_shared + [LOOP] * n_carry + [TIME] * (len(flat) - n_shared - n_carry)
        traced = in_parts(traced, ranks)
        self.jaxpr, self.consts = traced.jaxpr, traced.consts
        jaxpr = self.jaxpr
        self.shared_in = [*jaxpr.constvars, *jaxpr.invars[:n_shared]]
        self.carry_in = jaxpr.invars[n_shared : n_shared + n_carry]
        self.x_in, self.outs = jaxpr.invars[n_shared + n_carry :], jaxpr.outvars
        self._rank = dict.fromkeys(jaxpr.constvars, ONCE)
        self._rank |= dict(zip(jaxpr.invars, ranks, strict=True))
        self.one_way = holds(jaxpr, "custom_vjp_call")  # it has no derivative forwards
        self.once, self.time, self.loop = self._sorted(jaxpr.eqns)
        self._find_joints()
        self._find_gates()
        self._find_what_is_read()

    def rank(self, v: Any) -> int:
        return ONCE if isinstance(v, (Literal, Joint)) else self._rank[v]

    def _sorted(self, equations: list[Any]) -> tuple[list, list, list]:
        """The equations that anything needs, by what they wait for. A broadcast costs nothing: it
        is done where it is used."""
        needed, live, parts = variables(self.outs), [], ([], [], [])
        for e in reversed(equations):
            if needed.intersection(e.outvars):
                live.append(e)
                needed |= variables(e.invars)
        for e in reversed(live):
            rank = max(map(self.rank, e.invars), default=ONCE)
            self._rank |= dict.fromkeys(e.outvars, rank)
            parts[rank].append(e)
        spread = [e for e in parts[ONCE] if e.primitive.name == SPREAD]
        again = variables(v for e in spread for v in e.invars)  # spread further
        self.spread = {e.outvars[0]: e for e in spread if e.outvars[0] not in again}
        for rank in (TIME, LOOP):
            used = variables(v for e in parts[rank] for v in e.invars)
            used |= variables(self.outs) if rank == LOOP else set()
            parts[rank][:0] = [e for v, e in self.spread.items() if v in used]
        parts[LOOP][:0] = flags = self._flags_of_the_loop(*parts[TIME:])
        return parts[ONCE], [e for e in parts[TIME] if e not in flags], parts[LOOP]

    def _flags_of_the_loop(self, time: list, loop: list) -> list:
        """Broadcasts of flags, (T, B) say to (T, B, H), that the loop alone reads."""
        used = variables([*self.outs, *(v for e in loop for v in e.invars)])
        others, found = set(), []
        for e in reversed(time):
            (out, *_), of = e.outvars, variables(e.invars)
            is_flags = e.primitive.name == SPREAD and not inexact(out.aval)
            if is_flags and out in used and out not in others:
                found.insert(0, e)
                used |= of
            else:
                others |= of
        return found

    def _find_joints(self) -> None:
        uses: dict[Any, list] = {}
        for e in self.loop:
            for v in variables(e.invars):
                uses.setdefault(v, []).append(e)
        for v in variables(self.outs):
            uses.setdefault(v, []).append(None)
        groups: dict[Any, list[Any]] = {}
        for e in self.loop:
            if not (_products.is_product(e) and inexact(e.outvars[0].aval)):
                continue
            x, w = e.invars
            key: Any = id(e)
            if _products.is_plain(e) and self.rank(x) == LOOP and self.rank(w) == ONCE:
                key = x, w.aval.shape[0], str(e.params)
            groups.setdefault(key, []).append(e)
        self.joints = [Joint(products) for products in groups.values()]
        for joint in self.joints:
            for i, out in enumerate(joint.outs):
                while len(readers := uses[out]) == 1 and (e := readers[0]) is not None:
                    if e.primitive.name not in ("add", "add_any"):
                        break
                    other = e.invars[1] if e.invars[0] is out else e.invars[0]
                    if self.rank(other) == LOOP or not _alike(other, out):
                        break
                    joint.inside.add(id(e))
                    joint.terms[i].append(other)
                    (out,) = e.outvars
                joint.outs[i] = out
        self.joint_at = {id(j.equation): j for j in self.joints}
        inside = set().union(*(j.inside for j in self.joints))
        rest = [e for e in self.loop if id(e) not in inside]
        used = variables([*self.outs, *(v for e in rest for v in e.invars)])
        # But a gradient is added up as wide as it comes, (B, H) say, and over the batch only once.
        self.wide = {v for v in self.spread if v in used and inexact(v.aval)}
        self.loop = [e for e in self.loop if e.outvars[0] not in self.wide]
        unread = self.wide | (self.spread.keys() - used)
        self.rest = [e for e in rest if e.outvars[0] not in unread]
        self.rest_ids = {id(e) for e in self.rest}
        self.points = [out for j in self.joints for out in j.outs]

    def _find_gates(self) -> None:
        """Sums of which a tanh or σ is taken and nothing else, or is split and of each part so: the
        gates are had in one pass over the whole."""
        self.done = {id(e) for j in self.joints for e in j.products[1:]}  # with another's
        self.gates: dict[Any, tuple[tuple[str, ...], list[Any]]] = {}  # of a sum
        self.gates_at: dict[int, Any] = {}  # the equation that begins them: their sum
        for v in self.points:
            readers = self.readers.get(v, [])
            if (
                len(readers) != 1
                or v in self.final
                or not jnp.issubdtype(v.aval.dtype, jnp.floating)
            ):
                continue
            (first,), parts = readers, [readers[0]]
            if first.primitive.name == "split":
                even = len(set(first.params["sizes"])) == 1
                last = first.params["axis"] == len(v.aval.shape) - 1
                of = [self.readers.get(part, []) for part in first.outvars]
                if not (even and last and all(len(e) == 1 for e in of)):
                    continue
                if self.final.intersection(first.outvars):
                    continue
                parts = [e for (e,) in of]
            if all(e.primitive.name in SETTLES for e in parts):
                self.gates[v] = (
                    tuple(e.primitive.name for e in parts),
                    [e.outvars[0] for e in parts],
                )
                self.gates_at[id(first)] = v
                self.done |= {id(e) for e in parts if e is not first}
        # Sums of which the one gate is an output: this is kept in their place, as it is anyway.
        outs = [None if isinstance(v, Literal) else v for v in self.outs[len(self.carry_in) :]]
        gates = {v: gates[0] for v, (_, gates) in self.gates.items() if len(gates) == 1}
        self.shown = {v: outs.index(gate) for v, gate in gates.items() if gate in outs}

    def _find_what_is_read(self) -> None:
        rest = variables([*self.outs, *(v for e in self.rest for v in e.invars)])
        rest -= self.spread.keys() - self.wide
        operands = [v for j in self.joints for v in j.operands]
        terms = [self.origin(v) for j in self.joints for many in j.terms for v in many]
        loop = rest | variables(operands) | variables(terms)
        self.w = [v for v in [*_made(self.shared_in, self.once), *operands] if v in loop]
        self.w = [v for v in dict.fromkeys(self.w) if self.rank(v) == ONCE]
        self.drives = [v for v in _made(self.x_in, self.time) if v in loop]
        # Gradients of these are added up in the loop: what is read by more than products.
        self.elsewhere = rest | {
            v for j in self.joints for v in variables(j.equation.invars) if not self.deferred(j, v)
        }
        self.free = [v for v in self.w if v in self.elsewhere and inexact(v.aval)]
        self.read = [v for v in self.drives if v in self.elsewhere]
        # A drive that only one joint reads gives its place to the joint's sum.
        counts = Counter(v for v in [*operands, *terms] if not isinstance(v, Literal))
        spare = {v for v in self.drives if v not in self.elsewhere and counts[v] == 1}
        self.over: dict[Any, Any] = {}
        for j in self.joints:
            for out, terms in zip(j.outs, j.terms, strict=True):
                if spent := [v for v in terms if v in spare and v.aval.dtype == out.aval.dtype]:
                    self.over[spent[0]] = out

    @cached_property
    def outs_over(self) -> dict[int, int]:
        """Drives that can give their places to outputs instead, and to which."""
        places: dict[int, int] = {}
        for v in self.over:
            for j, out in enumerate(self.outs[len(self.carry_in) :]):
                if j not in places and _form(out) == _form(v):
                    places[j] = self.drives.index(v)
                    break
        return {i: j for j, i in places.items()}

    def origin(self, v: Any) -> Any:
        """What is broadcast to v; else v."""
        return self.spread[v].invars[0] if v in self.spread else v

    def deferred(self, joint: Joint, v: Any) -> bool:
        """Is v a weight, whose gradient is one product over all of time?"""
        if joint.weights:
            return v is joint or v in joint.weights
        return (
            self.rank(v) == ONCE
            and not isinstance(v, Literal)
            and sum(u is v for u in joint.operands) == 1
        )

    def in_loop(self, joint: Joint, v: Any) -> bool:
        """Does an operand get its cotangent instant by instant?"""
        if isinstance(v, (Joint, Literal)) or not inexact(v.aval) or self.deferred(joint, v):
            return False
        return not self.awaited(joint)

    def awaited(self, joint: Joint) -> bool:
        """Does a leaf of the carry that it multiplies get its cotangent at the instant before (see
        `_awaited`)? It does on a GPU, where kernels are launched one by one."""
        x, *_ = joint.operands
        return (
            self.on_gpu
            and _products.is_plain(joint.equation)
            and x in self.carry_in
            and self.deferred(joint, joint.operands[1])
        )

    def alone(self, v: Any) -> bool:
        """Is a leaf of the carry read by awaited products and by nothing else, and what it becomes
        an output too?"""
        joints = [joint for joint in self.joints if v in joint.operands]
        return (
            all(map(self.awaited, joints))
            and bool(joints)
            and not self.readers.get(v)
            and v not in self.outs
            and self.carry_in.index(v) in self.echoes
        )

    def emits(self, joint: Joint) -> list[int]:
        """The operand that a deferred weight was multiplied by."""
        at = [1 - i for i, v in enumerate(joint.operands) if self.deferred(joint, v)]
        return at if len(joint.operands) == 2 else []

    def axes(self, v: Any) -> tuple[int, ...]:
        """Where the axes of its origin lie in v."""
        if v in self.spread:
            return self.spread[v].params["broadcast_dimensions"]
        return tuple(range(len(v.aval.shape)))

    def settled(self, v: Any) -> bool:
        """Is all that reads v linear up to a tanh or σ, whose adjoint reads their outcome alone?
        Only then can XLA write v's cotangent over v without a copy."""
        if v in self.final or v in self.shown:
            return False
        return all(
            e.primitive.name in SETTLES
            or (e.primitive.name in LINEAR and all(map(self.settled, e.outvars)))
            for e in self.readers.get(v, [])
        )

    @cached_property
    def echoes(self) -> dict[int, int]:
        """Leaves of the new carry that are outputs too, and which: these need not be kept."""
        after, outs = self.outs[: len(self.carry_in)], self.outs[len(self.carry_in) :]
        pairs = {i: [j for j, out in enumerate(outs) if out is v] for i, v in enumerate(after)}
        return {i: same[0] for i, same in pairs.items() if same}

    @cached_property
    def kept(self) -> list[Any]:
        """What is kept of every instant, beside the outputs."""
        carry = [v for i, v in enumerate(self.carry_in) if i not in self.echoes]
        return [*carry, *(v for v in self.points if v not in self.shown), *self.read]

    @cached_property
    def final(self) -> set[Any]:
        return variables(self.outs) | variables(v for j in self.joints for v in j.operands)

    @cached_property
    def readers(self) -> dict[Any, list[Any]]:
        of: dict[Any, list[Any]] = {}
        for e in self.rest:
            for v in variables(e.invars):
                of.setdefault(v, []).append(e)
        return of


def _alike(v: Any, out: Any) -> bool:
    return not isinstance(v, Literal) and v.aval.shape == out.aval.shape


def _form(v: Any) -> tuple[Any, Any]:
    return v.aval.shape, v.aval.dtype


def _made(given: Iterable[Any], equations: list[Any]) -> list[Any]:
    return list(dict.fromkeys([*given, *(o for e in equations for o in e.outvars)]))
