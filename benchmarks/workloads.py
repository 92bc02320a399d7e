"""What is measured: a table of workloads, their sizes, and the least arithmetic that each needs."""

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
        return ("forward", "backward")[: 1 + self.both_ways]

    @property
    def features(self) -> int:
        """Of one layer's output."""
        return self.H * len(self.directions)

    def input_size(self, level: int) -> int:
        return self.features if level else self.D


def flops(w: Workload) -> int:
    """The FLOPs of the matrix products that cannot be avoided: 2 each multiply-add, rows of w_x
    gathered for token ids, twice the forward's again for the gradients."""
    if w.kind == "gemm":
        return 2 * w.H**3
    rows, wide = 2 * w.T * w.B, GATES[w.cell] * w.H * len(w.directions)
    dense = [w.input_size(level) for level in range(w.tokens, w.depth)]
    total = rows * (wide * (w.depth * w.H + sum(dense)) + w.features * w.V)
    return total * (3 if w.kind in ("train", "backward") else 1)


LENGTHS = (128, 512, 2048)
BATCHES = (1, 8, 128, 256)
PEAK = Workload("gemm-2048", "gemm", D=2048, H=2048)  # the machine's peak; every run has it


def _workloads() -> Iterator[Workload]:
    yield PEAK
    deep, book = ("lstm", "gru"), dict[str, Any](D=1027, V=1027)
    sgd: Any = {"D": 28, "V": 28, "optimizer": "sgd", "learning_rate": 1.0, "clip": 1.0}
    for c in CELLS:
        rate = 0.001 if c == "vanilla" else 0.01
        yield Workload(f"lyrics-{c}", "train", c, **book, learning_rate=rate)
    yield from (Workload(f"time-machine-{c}", "train", c, **sgd) for c in CELLS)
    for c, H, kind in product(CELLS, (128, 256, 512, 1024), ("forward", "backward")):
        yield Workload(f"dense-{c}-{H}-{kind}", kind, c, D=H, H=H)
    for depth, c in product((2, 6), deep):
        yield Workload(f"deep-{depth}-{c}", "train", c, **book, depth=depth)
    yield from (Workload(f"both-ways-{c}", "train", c, **book, both_ways=True) for c in deep)
    yield from (Workload(f"generate-{c}", "generate", c, T=1, B=1, **book) for c in CELLS)
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
    chosen, names = {PEAK.name}, [w.name for w in WORKLOADS]
    for pattern in patterns or "*":
        glob = pattern if set(pattern) & set("*?[") else pattern + "*"
        found = fnmatch.filter(names, glob)
        if not found:
            raise ValueError(f"no workload {pattern!r}; there is {', '.join(names)}.")
        chosen.update(found)
    return [toy(w) if small else w for w in WORKLOADS if w.name in chosen]
