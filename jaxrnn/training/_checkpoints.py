"""States of a training on disk, by orbax: the last ones, and the best."""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax

from jaxrnn import _checks
from jaxrnn._model_file import write_bytes

BEST = "best.json"
ROOM = 1 << 16  # bytes of a checkpoint beside its arrays


class CheckpointError(ValueError):
    """A checkpoint that cannot be written or read; one sentence says why. It is a ValueError."""


class Checkpoints:
    """A folder of checkpoints, each a folder called by its step: a pytree of arrays, of any shapes
    and dtypes, and `notes`, values of JSON. The last `keep` stay, and the best. Whatever ends the
    process, each of them is whole, for it is written under another name first. Raises ValueError
    for a `keep` below 1; nothing is written before the first `save`.

    >>> from jaxrnn import training
    >>> checkpoints = training.Checkpoints("checkpoints", keep=2)
    >>> state = {"w": jnp.ones(3)}
    >>> for step, score in ((10, 2.0), (20, 1.0), (30, 1.5), (40, 1.2)):
    ...     checkpoints.save(step, state, notes={"epoch": step // 10}, score=score)
    >>> checkpoints.steps, checkpoints.best
    ([20, 30, 40], (20, 1.0))
    >>> state, notes = checkpoints.restore(state)
    >>> notes
    {'epoch': 4}
    """

    def __init__(self, folder: str | os.PathLike[str], keep: int = 2):
        self.folder: Path = Path(folder).absolute()
        self.keep: int = _checks.positive("keep", keep)

    @property
    def steps(self) -> list[int]:
        """The steps that can be gone on from, in their order."""
        try:
            names = [path.name for path in self.folder.iterdir() if path.is_dir()]
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(int(name) for name in names if name.isdecimal())

    @property
    def best(self) -> tuple[int, float] | None:
        """The step of the lowest score and this score, where any was given."""
        try:
            told = json.loads((self.folder / BEST).read_bytes())
            step, score = int(told["step"]), float(told["score"])
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return (step, score) if step in self.steps else None

    def save(self, step: int, state: Any, *, notes: Any = None, score: float | None = None) -> None:
        """Write `state` as `step`, an integer from 0 on, unless it is there; with a `score` below
        the best one, it is the best (NaN is never).

        Raises CheckpointError where the folder cannot take it, and for `notes` that are no values
        of JSON; ValueError or TypeError for another step, TypeError for a state of no arrays.
        """
        step = _checks.not_negative("step", step)
        _checks.arrays("state", state)
        _check_json(notes)
        if step in self.steps:
            return
        try:
            self._clean()
            self._check_room(state)
            _write(self.folder / str(step), state, notes)
            best, score = self.best, math.nan if score is None else float(score)
            if score < best[1] if best else not math.isnan(score):
                said = json.dumps({"step": step, "score": score})
                write_bytes(self.folder / BEST, said.encode())
            self._thin()
        except CheckpointError:
            raise
        except (OSError, ValueError) as error:  # of a full disk, tensorstore's is a ValueError
            told = _because(error)
            raise CheckpointError(f"{self.folder} cannot take a checkpoint: {told}.") from None

    def restore(self, like: Any, step: int | None = None) -> tuple[Any, Any]:
        """(state, notes) of `step`, else of the last one; `like` has the state's form, and the
        arrays get its dtypes.

        Raises CheckpointError where there is none, or none of this form.
        """
        steps = self.steps
        if not steps or (step is not None and step not in steps):
            told = f"has no step {step}, only {steps}" if steps else "holds no checkpoint"
            raise CheckpointError(f"{self.folder} {told}.")
        path = self.folder / str(steps[-1] if step is None else step)
        try:
            return _read(path, like)
        except Exception as error:  # orbax and tensorstore raise what they like
            raise CheckpointError(
                f"{path} is no checkpoint of this training: {_checks.cut(str(error))}"
            ) from None

    def _clean(self) -> None:
        """Remove what a killed writer left."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in self.folder.iterdir():
            if path.is_dir() and not path.name.isdecimal():
                shutil.rmtree(path, ignore_errors=True)

    def _check_room(self, state: Any) -> None:
        """A disk that fills while orbax writes is told by many threads."""
        needed = sum(getattr(a, "nbytes", 8) for a in jax.tree.leaves(state))
        free = shutil.disk_usage(self.folder).free
        if free < needed + ROOM:
            raise CheckpointError(
                f"{self.folder} cannot take a checkpoint: it needs {(needed + ROOM) / 1e6:.2f} MB, "
                f"and {free / 1e6:.1f} MB are free."
            )

    def _thin(self) -> None:
        best = self.best
        for step in self.steps[: -self.keep]:
            if best is None or step != best[0]:
                gone = self.folder / f"gone-{step}"  # never half of one under a step's name
                with contextlib.suppress(OSError):
                    os.replace(self.folder / str(step), gone)
                    shutil.rmtree(gone)


def _check_json(notes: Any) -> None:
    try:
        json.dumps(notes)
    except (TypeError, ValueError) as error:
        raise CheckpointError(
            f"`notes` must be values of JSON: {_checks.cut(str(error))}."
        ) from None


def _because(error: Exception) -> str:
    """What the system said, on one line."""
    of_system = re.search(r"([^:\[\]]+) \[os_error_code", str(error))
    told = of_system[1] if of_system else getattr(error, "strerror", None) or str(error)
    return _checks.cut(told.strip()).rstrip(".")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Orbax logs, with its traceback, what it then raises."""
    logger = logging.getLogger("absl")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def _checkpointer() -> Any:
    """Of this process alone, whatever others there are in its job."""
    import orbax.checkpoint as ocp

    me = jax.process_index()
    alone = ocp.options.MultiprocessingOptions(
        primary_host=me, active_processes={me}, barrier_sync_key_prefix=f"process {me}"
    )
    if jax.process_count() == 1:
        return ocp.Checkpointer(ocp.CompositeCheckpointHandler())
    handler = ocp.CompositeCheckpointHandler(
        composite_options=ocp.CompositeOptions(multiprocessing_options=alone)
    )
    return ocp.Checkpointer(handler, multiprocessing_options=alone)


def _write(path: Path, state: Any, notes: Any) -> None:
    import orbax.checkpoint as ocp

    with _quiet(), _checkpointer() as checkpointer:
        checkpointer.save(
            path,
            args=ocp.args.Composite(
                state=ocp.args.StandardSave(_named(state)),
                notes=ocp.args.JsonSave({"notes": notes}),
            ),
        )


def _read(path: Path, like: Any) -> tuple[Any, Any]:
    import orbax.checkpoint as ocp

    forms = _named(jax.tree.map(ocp.utils.to_shape_dtype_struct, like))
    with _quiet(), _checkpointer() as checkpointer:
        found = checkpointer.restore(
            path,
            args=ocp.args.Composite(
                state=ocp.args.StandardRestore(forms), notes=ocp.args.JsonRestore()
            ),
        )
    leaves = [found["state"][name] for name in forms]
    return jax.tree.unflatten(jax.tree.structure(like), leaves), found["notes"]["notes"]


def _named(state: Any) -> dict[str, Any]:
    """The leaves by their path: what orbax is told depends on no class."""
    pairs = jax.tree_util.tree_leaves_with_path(state)
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in pairs}
