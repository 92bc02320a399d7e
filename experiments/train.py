"""The updates of a run, one program after another, from any state that was kept."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from experiment import Experiment

from jaxrnn import text, training


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a training has come: all that it needs to go on. The numbers are `notes` of a
    checkpoint of `state`."""

    state: training.TrainState
    epoch: int = 0  # finished
    update: int = 0  # of the epoch that runs
    updates: int = 0  # of all
    tokens: int = 0
    losses: tuple[float, ...] = ()  # of the epoch that runs
    norms: tuple[float, ...] = ()
    stopping: training.EarlyStopping | None = None

    def notes(self) -> dict[str, Any]:
        told = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        told["stopping"] = dataclasses.asdict(self.stopping) if self.stopping else None
        return {name: value for name, value in told.items() if name != "state"}

    @staticmethod
    def of(state: training.TrainState, notes: Mapping[str, Any]) -> Progress:
        told = {**notes, "losses": tuple(notes["losses"]), "norms": tuple(notes["norms"])}
        if told["stopping"]:
            told["stopping"] = training.EarlyStopping(**told["stopping"])
        return Progress(state, **told)


class Step(NamedTuple):
    """What one program of updates leaves. `metrics` are there where it ended an epoch; `is_best`
    tells whether no epoch before was better on the validation part."""

    progress: Progress
    tokens: int
    seconds: float
    metrics: dict[str, Any] | None
    is_best: bool = False


class NotFinite(ArithmeticError):
    """The loss is no number any more; what was kept before stays."""

    def __init__(self, e: Experiment, at: Progress, losses: np.ndarray, norms: np.ndarray):
        first = int(np.argmin(np.isfinite(losses)))
        t, here = e.settings.training, at.update + first
        norm = norms[first - 1] if first else (at.norms or (math.nan,))[-1]
        seen = np.array([*at.norms, *norms[:first]])
        clipped = f"{(seen > t.clip).mean():.0%}" if len(seen) else "none"
        super().__init__(
            f"the loss is {losses[first]} at update {here + 1} of epoch {at.epoch + 1}: the "
            f"gradient's norm before it was {norm:.3g}, and {clipped} of the epoch's updates were "
            f"clipped at {t.clip:g}. Try a smaller --learning-rate than {t.learning_rate:g}, "
            f"a smaller --clip, or --warmup."
        )


def first(e: Experiment) -> Progress:
    """Before any update."""
    params = e.model.init(jax.random.key(e.settings.training.seed))
    return Progress(training.start(params, e.optimizer, e.start_carry(params)))


def train(
    e: Experiment, at: Progress, parallel: training.DataParallel | None = None
) -> Iterator[Step]:
    """From where it is to the last epoch, or to where it is no longer worth while; over many
    devices where `parallel` says how."""
    t, model = e.settings.training, e.model
    restart = t.carried()
    carry = e.start_carry(at.state.params)
    if parallel:
        carry = parallel.carry(carry)
        at = dataclasses.replace(at, state=parallel.state(at.state))
    key = jax.random.key(t.seed) if e.settings.model.drops else None
    if t.patience and at.stopping is None:
        at = dataclasses.replace(at, stopping=training.EarlyStopping(t.patience))
    while at.epoch < t.epochs and not (at.stopping and at.stopping.should_stop):
        starts = e.starts(at.epoch + 1)
        while at.update < len(starts):
            begin = time.perf_counter()
            some = text.windows(
                e.parts.train, starts[at.update : at.update + e.program], t.num_steps
            )
            state = at.state
            if restart == "epoch" and not at.update:
                state = state._replace(carry=jax.tree.map(jnp.array, carry))
            batches = parallel.split((some.inputs, some.targets)) if parallel else some
            state, report = training.epoch(
                model.loss,
                e.optimizer,
                state,
                *batches,
                carry,
                "minibatch" if restart == "minibatch" else "never",
                None if key is None else jax.random.fold_in(key, at.updates),
            )
            losses, norms = (np.asarray(a, np.float64) for a in jax.device_get(report))
            if not np.isfinite(losses).all():
                raise NotFinite(e, at, losses, norms)
            at = dataclasses.replace(
                at,
                state=state,
                update=at.update + len(losses),
                updates=at.updates + len(losses),
                tokens=at.tokens + some.inputs.size,
                losses=(*at.losses, *map(float, losses)),
                norms=(*at.norms, *map(float, norms)),
            )
            if at.update < len(starts):
                yield Step(at, some.inputs.size, time.perf_counter() - begin, None)
        at, metrics, is_best = _finished(e, at)
        yield Step(at, some.inputs.size, time.perf_counter() - begin, metrics, is_best)


def _finished(e: Experiment, at: Progress) -> tuple[Progress, dict[str, Any], bool]:
    """The end of an epoch: its metrics, and whether it is the best one."""
    t, norms = e.settings.training, np.array(at.norms)
    metrics = {
        "epoch": at.epoch + 1,
        "tokens": at.tokens,
        "perplexity": training.perplexity(at.losses),
    }
    stopping, is_best = at.stopping, False
    if len(e.parts.validation):
        seen = measure(e, at.state.params, e.parts.validation)
        metrics |= {"validation_perplexity": seen, "validation_bits": e.bits(seen)}
        before = stopping or training.EarlyStopping(1)
        stopping = before.update(seen)
        is_best = stopping.improved
    metrics |= {
        "learning_rate": e.rate_at(at.updates - 1),
        "gradient_norm": float(norms.mean()),
        "clipped_fraction": float((norms > t.clip).mean()),
    }
    at = dataclasses.replace(
        at, epoch=at.epoch + 1, update=0, losses=(), norms=(), stopping=stopping
    )
    return at, metrics, is_best


def measure(e: Experiment, params: Any, part: np.ndarray) -> float:
    """The perplexity of a part of the text that is not trained on."""
    starts, batch = e.rows(part)
    carry, losses = e.model.initial_carry(params, (batch,)), []
    for i in range(0, len(starts), e.program):
        some = text.windows(part, starts[i : i + e.program], e.settings.training.num_steps)
        losses.extend(
            np.asarray(
                training.evaluate(e.model.loss, params, some.inputs, some.targets, carry)
            ).tolist()
        )
    return training.perplexity(losses)
