"""A run, from its first update or from where it was left to its end: trained, kept and judged."""

from __future__ import annotations

import contextlib
import dataclasses
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import inside
import settings as settings_
from configuration import config
from experiment import Experiment, prepare
from hosts import Devices, Hosts, join
from keep import Keeper
from report import page_of
from run_dir import RunDir, RunDirError, folder, read_config, write_whole
from settings import Settings
from show import Screen, screen
from train import NotFinite, Progress, first, measure, train

from jaxrnn import training


@dataclasses.dataclass(frozen=True)
class Options:
    """What a run shows and keeps: it changes nothing of what is learnt."""

    every: int = 1
    """Epochs from one printed line, and one sample, to the next."""
    checkpoint_seconds: float = 5.0
    """From one checkpoint to the next, and not more of a run than a twentieth; 0 for always."""
    devices: Devices = "one"
    """Train on one device, or divide each minibatch among all of this host."""
    distributed: str | None = None
    """Train on all hosts of a job: auto, or HOST:PORT,COUNT,INDEX; the first process writes."""
    tensorboard: bool = False
    """Write a log for TensorBoard too, into the run's folder."""


def begin(name: str, settings: Settings, run_dir: str | None, options: Options) -> int:
    """A new run."""
    _check(options)
    hosts = join(options.devices, options.distributed)
    e = prepare(name, settings)
    hosts.check(e.settings.training.batch_size)
    with hosts.folder() as own:
        told = config(e) | {"every": options.every}
        with RunDir.new(own or run_dir, e.name, told) as run:
            return follow(e, run, first(e), options, hosts)


def resume(run_dir: str, epochs: int | None, options: Options) -> int:
    """Go on from the last checkpoint that can be read; from the beginning where there is none."""
    _check(options)
    path = folder(run_dir)
    told = read_config(path)
    name, own = settings_.read(str(path))
    if epochs is not None and epochs != own.training.epochs:
        if own.training.schedule != "constant":
            raise RunDirError(
                f"{path} goes by a {own.training.schedule} schedule of {own.training.epochs} "
                f"epochs: it cannot go on to {epochs}."
            )
        own = own.with_(epochs=epochs)
    hosts = join(options.devices, options.distributed)
    e = prepare(name, own)
    hosts.check(e.settings.training.batch_size)
    want = told.get("corpus", {}).get("sha1")
    if e.corpus.sha1 != want:
        raise RunDirError(
            f"{path} was trained on a text of sha1 {want}, but {e.corpus.source} is of "
            f"{e.corpus.sha1}: put the text back."
        )
    with hosts.folder() as own, RunDir.new(own, e.name, told) if own else RunDir(path) as run:
        return follow(e, run, _restored(e, path), options, hosts)


def _restored(e: Experiment, path: Path) -> Progress:
    checkpoints, start = training.Checkpoints(path / "checkpoints"), first(e)
    for step in reversed(checkpoints.steps):
        try:
            state, notes = checkpoints.restore(start.state, step)
            return Progress.of(state, notes)
        except (training.CheckpointError, KeyError, TypeError) as error:
            print(f"{error} An earlier one is taken.")
    return start


def follow(e: Experiment, run: RunDir, at: Progress, options: Options, hosts: Hosts) -> int:
    keeper, continuations = Keeper(e, run, hosts, options.checkpoint_seconds), {}
    with screen(e, run, options, hosts) as shown, interruptible() as interrupted:
        introduce(e, at, run, shown, hosts)
        keeper.save(at)
        try:
            for step in train(e, at, hosts.parallel):
                at = step.progress
                if step.metrics:
                    shown.epoch(step)
                    timing = shown.timings(step)
                    run.record(step.metrics, timing)
                    done = at.epoch
                    if done % options.every == 0 or done == e.settings.training.epochs:
                        shown.line(done, step.metrics, timing)
                        params = hosts.whole(at.state.params)
                        continuations = show_samples(e, params, 50, done, run, shown)
                else:
                    shown.program(step)
                keeper.seen(step)
                if hosts.agree(bool(interrupted)):
                    keeper.save(at)
                    shown.print(
                        f"stopped in epoch {at.epoch + 1}; to go on: "
                        f"python experiments/char_lm.py --resume {run.path}{_epochs(e, run)}"
                    )
                    return 130
        except NotFinite as error:
            shown.warn(f"char_lm: {error}\nthe last good state is kept in {keeper.where}")
            return 4
        keeper.save(at)
        return close(
            e,
            run,
            keeper,
            dataclasses.replace(at, state=hosts.whole(at.state)),
            continuations,
            shown,
        )


def introduce(e: Experiment, at: Progress, run: RunDir, shown: Screen, hosts: Hosts) -> None:
    c, vocabulary = e.corpus, e.encoded.vocab
    count, of = len(e.encoded.ids), f" of {e.whole:,}" if e.whole > len(e.encoded.ids) else ""
    unknown = "" if vocabulary.unk is None else " with <unk>"
    shown.print(
        f"{c.name} ({c.source}, sha1 {c.sha1[:8]}): {count:,}{of} tokens, "
        f"{len(vocabulary):,} distinct{unknown}, unigram perplexity {e.unigram_perplexity():.1f}"
    )
    if len(e.parts.validation) or len(e.parts.test):
        shown.print(
            f"{len(e.parts.train):,} to train on, {len(e.parts.validation):,} to validate, "
            f"{len(e.parts.test):,} to test"
        )
    what = e.preset.summary if e.as_claimed else repr(e.model.layer)
    shown.print(f"{what}: {e.parameters:,} parameters on {hosts.devices}")
    if at.epoch >= e.settings.training.epochs:
        shown.print(
            f"{run.path} has its {e.settings.training.epochs} epochs: more by --epochs COUNT"
        )
    elif at.updates:
        shown.print(f"going on with {run.path} in epoch {at.epoch + 1}, update {at.update + 1}")
    else:
        shown.print(f"the run is kept in {run.path}; before training:")
        show_samples(e, at.state.params, 10, 0, run, shown)


def _epochs(e: Experiment, run: RunDir) -> str:
    """The words that ask for as many epochs as now, where the run began with another number."""
    asked, began = e.settings.training.epochs, read_config(run.path)["training"]["epochs"]
    return "" if asked == began else f" --epochs {asked}"


def show_samples(
    e: Experiment, params: Any, count: int, epoch: int, run: RunDir, shown: Screen
) -> dict[str, str]:
    continuations = e.continuations(params, count)
    for prefix, said in continuations.items():
        shown.print(f"  {prefix}|{said}")
    shown.samples(epoch, continuations)
    run.samples([{"epoch": epoch, "prefix": p, "text": said} for p, said in continuations.items()])
    return continuations


def close(
    e: Experiment,
    run: RunDir,
    keeper: Keeper,
    at: Progress,
    continuations: dict[str, str],
    shown: Screen,
) -> int:
    """Say how the run did by its claims, and where the model is; 3 where a claim is broken."""
    if len(e.parts.test):
        seen = measure(e, keeper.best_params(at), e.parts.test)
        shown.print(f"test perplexity {seen:.6g}, {e.bits(seen):.4g} bits a character")
    if e.as_claimed and not continuations:
        continuations = e.continuations(at.state.params, 50)
    perplexities = [record["perplexity"] for record in run.metrics]
    verdicts = e.judge(perplexities, continuations)
    for verdict in verdicts:
        shown.print(f"{'kept' if verdict.kept else 'BROKEN'}: {verdict.sentence}")
    if not verdicts and e.as_claimed and e.preset.claims:
        shown.print("no claim reached: " + "; ".join(map(str, e.preset.claims)))
    inside.keep(run, e.model, keeper.best_params(at), e.parts.train, at.epoch)
    write_whole(run.path / "report.html", page_of(run.path))
    shown.print(f"its page is {run.path / 'report.html'}")
    shown.written(keeper.model_file)
    return 0 if all(verdict.kept for verdict in verdicts) else 3


def _check(options: Options) -> None:
    if options.every < 1:
        raise ValueError(f"`every` must be positive, got {options.every}.")
    if not options.checkpoint_seconds >= 0:
        raise ValueError(
            f"`checkpoint_seconds` must be 0 or more, got {options.checkpoint_seconds}."
        )


@contextlib.contextmanager
def interruptible() -> Iterator[list[int]]:
    """A list that is no longer empty once somebody asked the process to end. Who asks twice does
    not wait."""
    asked: list[int] = []

    def ask(number: int, _: Any) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
