"""From raw rounds to the numbers of a table."""

from __future__ import annotations

import statistics
from typing import Any, NamedTuple

from benchmarks.harness import BOUND

JAX_PEERS = ("flax_nnx", "flax_linen", "equinox", "haiku")
Contestant = dict[str, Any]


class Times(NamedTuple):
    """Seconds. disturbed: every round was, so that these are no more than a hint."""

    least: float
    median: float
    disturbed: bool


def times(contestant: Contestant | None) -> Times | None:
    """Of the undisturbed rounds, if there is any; None without rounds."""
    if contestant is None or not contestant.get("rounds"):
        return None
    quiet = [r for r in contestant["rounds"] if not r["disturbed"]]
    seconds = [s for r in quiet or contestant["rounds"] for s in r["seconds"]]
    return Times(min(seconds), statistics.median(seconds), not quiet)


class Row(NamedTuple):
    """One workload: jaxrnn's times, and its ratios by the least times (None: cannot be had).

    of_bound: jaxrnn over its products alone (1 is the bound). of_floor: the share of the machine's
    peak that its necessary FLOPs reach (1 is the peak). torch, peer: how many times jaxrnn's time
    they take (above 1: jaxrnn is faster); peer is the fastest JAX peer.
    """

    ours: Times | None
    bound: Times | None
    floor: float | None
    of_bound: float | None
    of_floor: float | None
    torch: float | None
    peer: float | None
    fastest_peer: str | None


def peak(document: dict[str, Any]) -> float | None:
    """FLOP/s of the best great product of this run, whoever made it."""
    entry = next((e for e in _entries(document) if e["spec"]["kind"] == "gemm"), None)
    found = [t.least for c in entry["contestants"].values() if (t := times(c))] if entry else []
    return entry["flops"] / min(found) if entry and found else None


def _entries(document: dict[str, Any]) -> list[dict[str, Any]]:
    return list(document.get("workloads", {}).values())


def row(entry: dict[str, Any], flops_per_second: float | None) -> Row:
    took = {name: times(c) for name, c in entry["contestants"].items()}
    ours, bound = took.get("jaxrnn"), took.get(BOUND)
    floor = entry["flops"] / flops_per_second if flops_per_second else None
    peers = {name: t.least for name in JAX_PEERS if (t := took.get(name))}
    fastest = min(peers, key=lambda name: peers[name]) if peers else None
    us = ours.least if ours else None
    return Row(
        ours,
        bound,
        floor,
        _over(us, bound.least if bound else None),
        _over(floor, us),
        _over(_least(took.get("torch")), us),
        _over(peers[fastest] if fastest else None, us),
        fastest,
    )


def _least(t: Times | None) -> float | None:
    return t.least if t else None


def _over(a: float | None, b: float | None) -> float | None:
    return a / b if a is not None and b else None
