"""What a run keeps of its states: checkpoints now and then, and the model as a file."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import jax
import jax.numpy as jnp
from experiment import Experiment
from hosts import Hosts
from run_dir import RunDir
from train import Progress, Step

from jaxrnn import saving, training

SHARE = 20  # times as long as one checkpoint takes, until the next


class Keeper:
    """Checkpoints of a run in time; what was learnt since the last one is learnt again, the same,
    where the process ends without a word."""

    def __init__(self, e: Experiment, run: RunDir, hosts: Hosts, seconds: float):
        self._e, self._hosts, self._seconds = e, hosts, seconds
        self.checkpoints = training.Checkpoints(run.path / "checkpoints")
        self.model_file = run.path / "model.safetensors"
        self._best: Progress | None = None  # the best since it was written
        self._next = time.monotonic() + seconds

    @property
    def where(self) -> str:
        steps = self.checkpoints.steps
        return f"{self.checkpoints.folder / str(steps[-1])} and {self.model_file}"

    def seen(self, step: Step) -> None:
        if step.is_best:
            state = jax.tree.map(jnp.array, step.progress.state)  # the next update takes its own
            self._best = dataclasses.replace(step.progress, state=state)
        if self._hosts.agree(time.monotonic() > self._next):
            self.save(step.progress)

    def save(self, at: Progress) -> None:
        """This state, the best one, and the model of the better one."""
        begin = time.monotonic()
        states = [self._whole(each) for each in (self._best, at) if each]
        self._best = None
        if self._hosts.first:
            for i, each in enumerate(states):
                best = each.stopping if i < len(states) - 1 else None
                score = best and best.best
                self.checkpoints.save(each.updates, each.state, notes=each.notes(), score=score)
            self._write_model(self.best_params(states[-1]))
        now = time.monotonic()
        pause = max(self._seconds, SHARE * (now - begin)) if self._seconds else 0
        self._next = now + pause

    def _whole(self, at: Progress) -> Progress:
        return dataclasses.replace(at, state=self._hosts.whole(at.state))

    def best_params(self, at: Progress) -> Any:
        """The best ones on the validation part, or those of the last update where there is none."""
        if best := self.checkpoints.best:
            return self.checkpoints.restore(at.state, best[0])[0].params
        return at.state.params

    def _write_model(self, params: Any) -> None:
        e = self._e
        notes: dict[str, Any] = {"name": e.name, "corpus": e.corpus.name, "sha1": e.corpus.sha1}
        notes |= {"prefixes": [*e.prefixes]}
        saving.save(self.model_file, e.model, params, text=e.text_recipe, notes=notes)
