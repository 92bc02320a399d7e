"""One device, all of this host, or all of a job of several hosts, of which the first writes."""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
from collections.abc import Iterator
from typing import Any, Literal

import jax
import numpy as np

from jaxrnn import training

Devices = Literal["one", "all"]


@dataclasses.dataclass(frozen=True)
class Hosts:
    """Where a run computes. Every process of a job runs the same program; only the first writes and
    shows."""

    parallel: training.DataParallel | None

    @property
    def first(self) -> bool:
        return jax.process_index() == 0

    @property
    def devices(self) -> str:
        """What computes, in words."""
        kind, count = jax.devices()[0].device_kind, jax.device_count()
        return f"{count} × {kind}" if self.parallel and count > 1 else kind

    def check(self, batch_size: int) -> None:
        """ValueError for a minibatch that the devices cannot share evenly."""
        if self.parallel and batch_size % (count := jax.device_count()):
            raise ValueError(
                f"{count} devices cannot share a `batch_size` of {batch_size}: take a multiple of "
                f"{count}."
            )

    @contextlib.contextmanager
    def folder(self) -> Iterator[str | None]:
        """None for the first process, which writes where it was told; for another a folder that
        nobody sees."""
        if self.first:
            yield None
        else:
            with tempfile.TemporaryDirectory() as path:
                yield path

    def agree(self, asked: bool) -> bool:
        """What the first process says."""
        if jax.process_count() == 1:
            return asked
        from jax.experimental.multihost_utils import broadcast_one_to_all

        return bool(broadcast_one_to_all(np.array(asked)))

    def whole(self, tree: Any) -> Any:
        """Arrays of which every process has the whole."""
        if jax.process_count() == 1:
            return tree
        from jax.experimental.multihost_utils import process_allgather

        def gathered(a: Any) -> np.ndarray:
            if a.is_fully_replicated:
                return np.asarray(a.addressable_data(0))
            return np.asarray(process_allgather(a, tiled=True))

        return jax.tree.map(gathered, tree)


def join(devices: Devices, distributed: str | None) -> Hosts:
    """`distributed` is ``"auto"`` where JAX knows the job (Slurm, MPI, a TPU pod), else
    ``HOST:PORT,COUNT,INDEX``: the first process's address, how many there are, and which is this.
    It must come before anything is computed."""
    if distributed is not None:
        if distributed == "auto":
            jax.distributed.initialize()
        else:
            jax.distributed.initialize(*_job(distributed))
        devices = "all"
    return Hosts(training.data_parallel() if devices == "all" else None)


def _job(told: str) -> tuple[str, int, int]:
    address, *numbers = told.split(",")
    host, colon, port = address.rpartition(":")
    if (
        host
        and colon
        and port.isdecimal()
        and len(numbers) == 2
        and all(number.isdecimal() for number in numbers)
    ):
        count, index = map(int, numbers)
        if index < count:
            return address, count, index
    raise ValueError(
        f"`distributed` must be auto or HOST:PORT,COUNT,INDEX, say localhost:1234,2,0, got "
        f"{told!r}."
    )
