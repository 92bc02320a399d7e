"""What XLA made of a program for a device that is not here: the kernels of every loop.

A CUDA program is read from the dump of its thunks: what is put on the GPU, in order. A TPU program
is read from its HLO: the operations of every loop's body, and the cycles that the compiler expects.
"""

from __future__ import annotations

import dataclasses
import functools
import re
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
from jax.experimental import topologies

KINDS = ("products", "fusions", "copies", "counters")
H100 = Path(__file__).with_name("h100.txtpb")
THUNK = re.compile(r"^( *)\d+: (\w+) +\[[^\]]*\] *(.*)$")
ONE_THREAD = "grid: [1, 1, 1] threads: [1, 1, 1]"
CYCLES = re.compile(r'"estimated_cycles":"(\d+)"')
OPERATION = re.compile(r"^ *(?:ROOT )?%([\w.\-]+) = (.*?) [a-z][\w\-]*\((.*)", re.M)
LAYOUT = re.compile(r"\{[^}]*\}|/\*.*?\*/")
COMPUTATION = re.compile(r"^(?:ENTRY )?%?([\w.\-]+)[^\n]*\{ *\n(.*?)^\}", re.M | re.S)
BODY = re.compile(r" while\(.*body=%?([\w.\-]+)")


@functools.cache
def devices(platform: str, count: int = 1) -> list[Any]:
    """H100s, or those of a v5e of four."""
    how = {"topology_name": "v5e:2x2"}
    if platform == "cuda":
        how = {"target_config": H100.read_text(), "topology": f"1x{count}x1"}
    return topologies.get_topology_desc(platform=platform, **how).devices[:count]


def compiled(lowered: Any, platform: str) -> dict[str, Any]:
    """A lowered program, compiled for that device. loops: of each, in order, what a step of it
    does; outside: what is launched beside; apart: loops that are in no CUDA graph as a whole."""
    if platform == "tpu":
        done = lowered.compile()
        told: dict[str, Any] = {"loops": _bodies(done.as_text())}
    else:
        done, whole, as_graphs = _thunks(lowered)
        told = {"loops": [_count(loop.children) for loop in _loops(whole)]}
        told["outside"] = len([*_leaves(whole.children)])
        told["apart"] = len([*_loops(as_graphs, apart=True)])
    return told | {"temporaries": done.memory_analysis().temp_size_in_bytes}


def each(lowered: Any, loop: int) -> list[str]:
    """Of a lowered program's loop on the GPU, what a step of it launches: each kernel by its name,
    what it gives, and the operation that it was named for."""
    done, whole, _ = _thunks(lowered)
    gives = {}
    for name, shape, words in OPERATION.findall(done.as_text()):
        of = re.search(r'op_name="([^"]*)"', words)
        short = "/".join(of[1].split("/")[-2:]) if of else ""
        gives[re.sub(r"\W", "_", name)] = f"{LAYOUT.sub('', shape)} {short}"
    leaves = _leaves([*_loops(whole)][loop].children)
    kernels = [leaf.words.partition(" grid")[0] for leaf in leaves]
    return [f"{name.lstrip('k').lower()}: {gives.get(name, '')}".rstrip(": ") for name in kernels]


# CUDA: thunks.


def _thunks(lowered: Any) -> tuple[Any, _Thunk, _Thunk]:
    """The compiled program, its thunks, and these where graphs were made of them."""
    with tempfile.TemporaryDirectory() as folder:
        asked = {"xla_dump_to": folder, "xla_dump_hlo_as_text": True}
        done = lowered.compile(compiler_options=asked)
        dumps = sorted(Path(folder).glob("*.thunk_sequence.txt"))
        later = sorted(Path(folder).glob("*.thunk_sequence_after_thunk_passes.txt"))
        thunks, graphs = ("".join(p.read_text() for p in many) for many in (dumps, later))
    return done, _tree(thunks), _tree(graphs or thunks)


@dataclasses.dataclass
class _Thunk:
    kind: str
    words: str = ""
    children: list[_Thunk] = dataclasses.field(default_factory=list)  # of a loop: its body
    in_condition: bool = False  # of a loop, while its condition is read


def _tree(text: str) -> _Thunk:
    path = [_Thunk("root")]
    for line in text.splitlines():
        if match := THUNK.match(line):
            spaces, kind, words = match.groups()
            del path[len(spaces) // 4 + 1 :]
            node = _Thunk(kind, words)
            if not path[-1].in_condition:
                path[-1].children.append(node)
            path.append(node)
        elif line.strip() in ("condition:", "body:"):
            loop = next(node for node in reversed(path) if node.kind == "kWhile")
            loop.in_condition = line.strip() == "condition:"
    return path[0]


def _loops(node: _Thunk, apart: bool = False) -> Iterator[_Thunk]:
    """Also those within others; `apart`: but for those within a CUDA graph."""
    for child in node.children:
        if child.kind == "kWhile":
            yield child
        if not (apart and child.kind == "kCommandBuffer"):
            yield from _loops(child, apart)


def _leaves(nodes: list[_Thunk]) -> Iterator[_Thunk]:
    """What is launched once for each run of `nodes`; inner loops are not entered."""
    for node in nodes:
        if node.kind != "kWhile":
            yield from _leaves(node.children) if node.children else [node]


def _count(nodes: list[_Thunk]) -> dict[str, int]:
    kinds: Counter[str] = Counter()
    for leaf in _leaves(nodes):
        product = "gemm" in leaf.words or leaf.kind in ("kGemm", "kCublasLtMatmul")
        rest = "copies" if leaf.kind == "kCopy" else "fusions"
        kinds["products" if product else "counters" if ONE_THREAD in leaf.words else rest] += 1
    return {"launches": kinds.total()} | {name: kinds[name] for name in KINDS}


# TPU: HLO.


def _bodies(text: str) -> list[dict[str, int]]:
    parts = dict(COMPUTATION.findall(text))
    bodies = [parts[name] for name in BODY.findall(text)]
    return [{"cycles": sum(map(int, CYCLES.findall(body)))} for body in bodies]


def collectives(program: Any) -> dict[str, int]:
    """How many of each kind a compiled program has, over devices."""
    kinds = r" (all-gather|all-reduce|all-to-all|collective-permute)(?:-start)?\("
    return dict(Counter(re.findall(kinds, program.as_text())))


def placed(tree: Any, sharding: Any) -> Any:
    """The forms of a tree, as if they lay there."""
    return jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=sharding), tree)
