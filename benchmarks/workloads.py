"""What is measured: a table of workloads, their sizes, and the least arithmetic that each needs."""

from __future__ import annotations

import dataclasses
import fnmatch
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, Literal

CELLS = ("lstm", "gru", "vanilla")
GATES = {"lstm": 4, "gru": 3, "vanilla": 1}


@dataclasses.dataclass(frozen=True)
class Workload:
    """One thing to time, in float32. The letters are those of the library.

    kind: ``train`` (one update on token ids: forward, mean cross-entropy, backward, clip by global
    norm, optimizer), ``forward`` or ``backward`` (of a layer, without and with the gradients of
    params and inputs), ``generate`` (one step at T = 1, logits and argmax) or ``gemm``.
    """

    name: str
    kind: str
    cell: str = "lstm"
    T: int = 35
    B: int = 32
    D: int = 256  # input features; for tokens, the vocabulary
    H: int = 256
    depth: int = 1
    both_ways: bool = False
    V: int = 0  # of the head; 0 without one
    optimizer: Literal["sgd", "adam"] = "adam"
    learning_rate: float = 0.01
    clip: float = 0.01

    @property
    def tokens(self) -> bool:
        return self.kind in ("train", "generate")

    @property
    def directions(self) -> tuple[str, ...]:
        return ("forward", "backward") if self.both_ways else ("forward",)

    @property
    def features(self) -> int:
        """Of one layer's output."""
        return self.H * len(self.directions)

    def input_size(self, level: int) -> int:
        return self.D if level == 0 else self.features


def flops(w: Workload) -> int:
    """The FLOPs of the matrix products that cannot be avoided: 2 each multiply-add, rows of w_x
    gathered for token ids, twice the forward's again for the gradients."""
    if w.kind == "gemm":
        return 2 * w.H**3
    N, wide, total = w.T * w.B, GATES[w.cell] * w.H, 2 * w.T * w.B * w.features * w.V
    for level in range(w.depth):
        dense = 0 if w.tokens and level == 0 else w.input_size(level)
        total += len(w.directions) * 2 * N * wide * (w.H + dense)
    return total * (3 if w.kind in ("train", "backward") else 1)


LENGTHS = (128, 512, 2048)
BATCHES = (1, 8, 128, 256)
SIZES = (128, 256, 512, 1024)
PEAK = Workload("gemm-2048", "gemm", D=2048, H=2048)  # the machine's peak; every run has it


def _lyrics(name: str, cell: str, **changes: Any) -> Workload:
    return Workload(name, "train", cell, D=1027, V=1027, **changes)


def _workloads() -> Iterator[Workload]:
    yield PEAK
    deep = ("lstm", "gru")
    for c in CELLS:
        yield _lyrics(f"lyrics-{c}", c, learning_rate=0.001 if c == "vanilla" else 0.01)
    for c in CELLS:
        sgd: Any = {"optimizer": "sgd", "learning_rate": 1.0, "clip": 1.0}
        yield Workload(f"time-machine-{c}", "train", c, D=28, V=28, **sgd)
    for c, H, kind in product(CELLS, SIZES, ("forward", "backward")):
        yield Workload(f"dense-{c}-{H}-{kind}", kind, c, D=H, H=H)
    yield from (_lyrics(f"deep-{n}-{c}", c, depth=n) for n in (2, 6) for c in deep)
    yield from (_lyrics(f"both-ways-{c}", c, both_ways=True) for c in deep)
    for c in CELLS:
        yield Workload(f"generate-{c}", "generate", c, T=1, B=1, D=1027, V=1027)
    # Along T and B from dense-…-256-backward; `dense` itself grows in H.
    yield from (Workload(f"growth-{c}-T{T}", "backward", c, T=T) for c in deep for T in LENGTHS)
    yield from (Workload(f"growth-{c}-B{B}", "backward", c, B=B) for c in deep for B in BATCHES)


WORKLOADS = tuple(_workloads())


def toy(w: Workload) -> Workload:
    """The same workload so small that it only tries the machinery."""
    if w.kind == "gemm":
        return dataclasses.replace(w, D=64, H=64)
    D, V = (11, 11) if w.tokens else (6, 0)
    return dataclasses.replace(w, T=min(w.T, 5), B=min(w.B, 3), D=D, H=8, V=V)


def select(patterns: Sequence[str], small: bool = False) -> list[Workload]:
    """The workloads whose name a pattern begins or (with * or ?) matches; all without patterns.
    A pattern that names none raises ValueError."""
    chosen = set()
    for pattern in patterns:
        glob = pattern if set(pattern) & set("*?[") else pattern + "*"
        found = fnmatch.filter([w.name for w in WORKLOADS], glob)
        if not found:
            names = ", ".join(w.name for w in WORKLOADS)
            raise ValueError(f"no workload {pattern!r}; there is {names}.")
        chosen.update(found)
    kept = [w for w in WORKLOADS if not patterns or w.name in chosen or w is PEAK]
    return [toy(w) if small else w for w in kept]
