"""Who else computes: the cores' time, less what we ourselves use."""

import os
import time
from typing import NamedTuple

import psutil

CORES = len(os.sched_getaffinity(0))
MOST_LOAD = 0.5  # over a minute, before we start
MOST_FOREIGN = 0.06  # of all cores' time, others' share while we look or measure
BUSY = ("user", "nice", "system", "irq", "softirq", "steal")


class NotQuiet(Exception):
    """The machine is at work; the message says how much."""


class Snapshot(NamedTuple):
    """Seconds, since some start: of the clock, busy cores, and the cores' use by us."""

    clock: float
    busy: float
    own: float


def snapshot() -> Snapshot:
    """Children, also those that ended, are ours; time stolen by a hypervisor is others'."""
    cores, here = psutil.cpu_times(), psutil.Process()
    own = [sum(process.cpu_times()[:4]) for process in (here, *here.children(recursive=True))]
    return Snapshot(time.monotonic(), sum(getattr(cores, kind) for kind in BUSY), sum(own))


def foreign(before: Snapshot) -> float:
    """Others' share of all cores' time since then. Three ticks are within the clock's own error."""
    after = snapshot()
    spent = (after.busy - before.busy) - (after.own - before.own) - 3 / os.sysconf("SC_CLK_TCK")
    return max(0.0, spent) / (CORES * max(after.clock - before.clock, 1e-9))


def demand(wait: float = 0.0) -> None:
    """Return once the machine is quiet; NotQuiet if it is not within `wait` seconds."""
    until = time.monotonic() + wait
    while True:
        before, load = snapshot(), os.getloadavg()[0]
        time.sleep(1)
        others = foreign(before)
        if others <= MOST_FOREIGN and load <= MOST_LOAD:
            return
        if time.monotonic() >= until:
            cores = f"{others:.0%} of the {CORES} cores (at most {MOST_FOREIGN:.0%})"
            raise NotQuiet(f"others use {cores}, the load is {load:.2f} (at most {MOST_LOAD})")
        time.sleep(4)
