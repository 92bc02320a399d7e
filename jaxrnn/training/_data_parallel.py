"""Each batch over many devices: every device has its rows, and the compiler sums the gradients."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from jaxrnn import _checks
from jaxrnn._types import Carry

from ._epoch import TrainState, usable
from ._given import unchanged

ROWS = "rows"  # the only axis of the mesh


@dataclasses.dataclass(frozen=True)
class DataParallel:
    """Where params, carries and batches lie: see :func:`data_parallel`. Each method gives the tree
    that it was given, of the same shapes, its arrays laid on the mesh.

    >>> parallel = jaxrnn.training.data_parallel(jax.devices()[:1])
    >>> parallel.mesh.devices.size
    1
    >>> parallel.split(np.zeros((4, 6, 2))).shape          # (N, T, B): B is divided
    (4, 6, 2)
    """

    mesh: Mesh

    def copy(self, tree: Any) -> Any:
        """`tree`, whole on every device."""
        return jax.tree.map(lambda leaf: _laid(leaf, self._sharding(None)), tree)

    def split(self, tree: Any, axis: int = 2) -> Any:
        """`tree`, of arrays whose rows are their axis number `axis` (2 for minibatches (N, T, B),
        0 for a carry), the rows divided among all devices. Every process gives the whole. Raises
        ValueError where an array has no such axis, or its rows cannot be shared evenly."""
        devices, sharding = self.mesh.devices.size, self._sharding(axis)
        return jax.tree.map(lambda leaf: _laid(_divisible(leaf, axis, devices), sharding), tree)

    def join(self, tree: Any, axis: int = 2) -> Any:
        """The same of processes that each give other rows, those of the first process first: for
        data that no process has read whole. Alone, it is `split`."""
        devices, sharding = len(self.mesh.local_devices), self._sharding(axis)

        def leaf_of(leaf: Any) -> jax.Array:
            mine = np.asarray(_divisible(leaf, axis, devices))
            return jax.make_array_from_process_local_data(sharding, mine)

        return jax.tree.map(leaf_of, tree)

    def carry(self, carry: Carry) -> Carry:
        """A carry, whose leaves lead with the batch, its rows divided."""
        return self.split(carry, axis=0)

    def state(self, state: TrainState) -> TrainState:
        """What `training.start` gave: params and the optimizer's memory whole, the carry divided.
        It is donated to the next epoch, as the state that it was made of would be."""
        params, optimizer_state, carry = usable(state)
        return TrainState(self.copy(params), self.copy(optimizer_state), self.carry(carry))

    def _sharding(self, axis: int | None) -> NamedSharding:
        names = () if axis is None else (*[None] * axis, ROWS)
        return NamedSharding(self.mesh, PartitionSpec(*names))


def data_parallel(devices: Sequence[Any] | None = None) -> DataParallel:
    """Data-parallel training over `devices`, None for all: of this host, or of all the hosts of a
    `jax.distributed` job, each of which runs the same program ::

        parallel = data_parallel()
        state, carry = parallel.state(state), parallel.carry(carry)
        state, report = epoch(loss, optimizer, state, *parallel.split((inputs, targets)), carry)

    Since a loss is a mean over the whole batch, nothing else changes: losses, norms and params are
    those of one device, to rounding. With ``jax.process_index() == 0`` one process writes for all.

    A batch whose rows the devices cannot share evenly is refused with ValueError, and what are no
    devices, or the same twice, with TypeError.

    >>> parallel = jaxrnn.training.data_parallel()
    >>> parallel.mesh.devices.size == len(jax.devices())
    True
    """
    devices = jax.devices() if devices is None else devices
    listed = list(devices) if isinstance(devices, Sequence) else []
    once = all(isinstance(device, jax.Device) for device in listed) and len({*listed})
    if not listed or once != len(listed):
        raise TypeError(
            f"`devices` must be some of `jax.devices()`, at least one, each once, got "
            f"{_checks.quote(devices)}."
        )
    mesh = jax.make_mesh((len(listed),), (ROWS,), axis_types=(AxisType.Auto,), devices=listed)
    return DataParallel(mesh)


def _divisible(leaf: Any, axis: int, devices: int) -> Any:
    leaf = unchanged("a batch", leaf)
    if not 0 <= axis < leaf.ndim:
        raise ValueError(
            f"the rows to divide are along axis {axis}, but there is an array of shape "
            f"{leaf.shape}: say along which `axis` its rows lie."
        )
    if leaf.shape[axis] % devices:
        raise ValueError(
            f"a batch of {leaf.shape[axis]} rows cannot be divided among {devices} devices: take a "
            f"multiple of {devices}."
        )
    return leaf


def _laid(leaf: Any, sharding: NamedSharding) -> jax.Array:
    if sharding.is_fully_addressable or getattr(leaf, "sharding", None) == sharding:
        return jax.device_put(leaf, sharding)
    whole = np.asarray(leaf)  # each process lays down the parts of its own devices
    return jax.make_array_from_callback(whole.shape, sharding, whole.__getitem__)
