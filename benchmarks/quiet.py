"""Who else computes: what /proc/stat counts, less what we ourselves use."""

import os
import time
from pathlib import Path
from typing import NamedTuple

CORES = len(os.sched_getaffinity(0))
MOST_LOAD = 0.5  # over a minute, before we start
MOST_FOREIGN = 0.06  # of all cores' time, others' share while we look or measure
OURS: set[int] = set()  # worker processes that are alive, besides this one
_TICK = 1 / os.sysconf("SC_CLK_TCK")


class NotQuiet(Exception):
    """The machine is at work; the message says how much."""


class Snapshot(NamedTuple):
    """Seconds, since some start: of the clock, busy cores, and the cores' use by us."""

    clock: float
    busy: float
    own: float


def snapshot() -> Snapshot:
    """Children that ended count as ours as well; time stolen by a hypervisor is others'."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    user, nice, system, _, _, irq, softirq, steal = map(int, fields[:8])
    busy = user + nice + system + irq + softirq + steal
    own = sum(os.times()[:4]) + sum(map(_ticks, OURS)) * _TICK
    return Snapshot(time.monotonic(), busy * _TICK, own)


def _ticks(process: int) -> int:
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # it ended
        return 0
    return int(fields[11]) + int(fields[12])


def foreign(before: Snapshot) -> float:
    """Others' share of all cores' time since then. Three ticks are within the clock's own error."""
    after = snapshot()
    spent = (after.busy - before.busy) - (after.own - before.own) - 3 * _TICK
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
