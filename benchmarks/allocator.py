"""What it costs a large model that glibc gives memory back to the system.

XLA asks for the temporaries of each call afresh. Beyond 32 MB, glibc maps them from the system and
unmaps them after the call, and the system clears every page anew. Told to keep what it has, it does
not. Two processes of jaxrnn in turn, the second told so; the first workload is small, and should
not care. Linux with glibc."""

import os
import platform
from collections.abc import Iterator
from functools import partial
from typing import Any

from benchmarks import page
from benchmarks.cpu import checked
from benchmarks.page import number, over
from benchmarks.turns import Build
from benchmarks.worker import Worker
from benchmarks.workloads import select

KEEP = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "17179869184"}
NAMES = ("lyrics-lstm", "deep-6-lstm", "deep-6-gru", "growth-lstm-T512", "growth-gru-T512")


def facts(chosen: Any) -> dict[str, Any]:
    if platform.libc_ver()[0] != "glibc":
        raise ValueError("this system's allocator is not glibc's.")
    if clash := [name for name in (*KEEP, "GLIBC_TUNABLES", "LD_PRELOAD") if name in os.environ]:
        raise ValueError(f"{', '.join(clash)} in the environment: unset it.")
    return {"kept": KEEP}


def rows(chosen: Any) -> Iterator[tuple[str, dict[str, Build]]]:
    with Worker() as default, Worker(**KEEP) as kept:
        for w in select(NAMES, chosen.toy)[1:]:
            make = partial(checked, framework="jaxrnn", w=w, truths={})
            yield w.name, {"default": partial(make, default), "kept": partial(make, kept)}


def render(document: dict[str, Any]) -> str:
    lines, of = [], ("least", "median")
    for name, row in document["rows"].items():
        ms = [number(told, (k,), "{:.1f}".format) for told in row.values() for k in of]
        seconds = [told.get("seconds", {}) for told in row.values()]
        lines.append([name, *ms, *(over(*(each.get(k) for each in seconds)) for k in of)])
    head = ("workload", "default, least", "median", "kept, least", "median", "×", "× of medians")
    variables = " ".join(f"{name}={value}" for name, value in document["facts"]["kept"].items())
    about = f"Milliseconds a call; *kept* is with\n\n```\n{variables}\n```\n\nin the environment; "
    about += "×: how many times that the default takes."
    title = "What it costs that glibc gives memory back"
    return page.page(title, document, about, page.table(head, lines))
