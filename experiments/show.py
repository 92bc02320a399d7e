"""How a run is watched: lines, a bar on a terminal or in a notebook, TensorBoard, a page."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sample
from experiment import Experiment
from hosts import Hosts
from run_dir import RunDir
from train import Step

if TYPE_CHECKING:
    from follow import Options


class Screen:
    """Plain lines, whatever reads them."""

    def __init__(self, e: Experiment):
        self._e, self._seconds, self._tokens = e, 0.0, 0

    def print(self, line: str) -> None:
        print(line, flush=True)

    def warn(self, lines: str) -> None:
        print(lines, file=sys.stderr)

    def program(self, step: Step) -> None:
        """Some updates of an epoch are done."""
        self._seconds += step.seconds
        self._tokens += step.tokens

    def epoch(self, step: Step) -> None:
        """An epoch is done."""
        self.program(step)

    def timings(self, step: Step) -> dict[str, Any]:
        """What the epoch took, of as much of it as this process ran; the next begins."""
        seconds, tokens = self._seconds, self._tokens
        self._seconds, self._tokens = 0.0, 0
        return {
            "epoch": step.progress.epoch,
            "seconds": seconds,
            "tokens_per_second": tokens / seconds,
        }

    def line(self, epoch: int, metrics: dict[str, Any], timing: dict[str, Any]) -> None:
        told = f"epoch {epoch}, perplexity {metrics['perplexity']:.6g}"
        if (seen := metrics.get("validation_perplexity")) is not None:
            told += f", validation {seen:.6g} ({metrics['validation_bits']:.4g} bits a character)"
        self.print(
            f"{told}, {timing['seconds']:.3f} s, {timing['tokens_per_second']:,.0f} tokens/s"
        )

    def samples(self, epoch: int, continuations: dict[str, str]) -> None:
        """What the model writes now."""

    def written(self, file: Path) -> None:
        """The run is over: where its model is, and what it writes, read from there."""
        self.print(f"the model is {file}; it writes:")
        try:
            self.print(f"  {sample.text_of(file, count=80)}")
            self.print(f"more of it: python experiments/sample.py {file.parent}")
        except ValueError as error:
            self.print(f"  nothing: {error}")

    def close(self) -> None:
        """No more is to be shown."""


class Silence(Screen):
    """Of a process that is not the first of its job."""

    def print(self, line: str) -> None:
        """Nothing."""

    def written(self, file: Path) -> None:
        """Nothing."""


class Bar(Screen):
    """A bar with perplexity, tokens a second and the time to the end; lines go above it."""

    def __init__(self, e: Experiment):
        super().__init__(e)
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(bar_width=None),
            TextColumn("perplexity {task.fields[perplexity]}"),
            TextColumn("{task.fields[speed]} tokens/s"),
            TimeRemainingColumn(compact=True),
        )
        self._bar = Progress(*columns, console=Console(file=sys.stdout), transient=True)
        self._task = self._bar.add_task("", total=None, epoch=1, perplexity="…", speed="…")
        self._bar.start()

    def print(self, line: str) -> None:
        self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def program(self, step: Step) -> None:
        super().program(step)
        from jaxrnn.training import perplexity

        at, t = step.progress, self._e.settings.training
        seen = step.metrics["perplexity"] if step.metrics else perplexity(at.losses)
        per_epoch = at.tokens / max(at.epoch + (at.update > 0), 1)
        self._bar.update(
            self._task,
            total=max(per_epoch * t.epochs, at.tokens),
            completed=at.tokens,
            epoch=f"{min(at.epoch + 1, t.epochs)}/{t.epochs}",
            perplexity=f"{seen:.4g}",
            speed=f"{step.tokens / step.seconds:,.0f}",
        )

    def close(self) -> None:
        self._bar.stop()


class Log:
    """TensorBoard's own files, in the run's folder."""

    def __init__(self, run: RunDir):
        try:
            from tensorboardX import SummaryWriter
        except ImportError:
            raise ValueError(
                "--tensorboard needs the package tensorboardX: pip install tensorboardX."
            ) from None
        self._writer = SummaryWriter(str(run.path / "tensorboard"))

    def scalars(self, metrics: dict[str, Any], epoch: int) -> None:
        for name, value in metrics.items():
            if name != "epoch":
                self._writer.add_scalar(name, value, epoch)

    def texts(self, continuations: dict[str, str], epoch: int) -> None:
        for prefix, said in continuations.items():
            self._writer.add_text(f"after {prefix}", f"{prefix}|{said}", epoch)

    def close(self) -> None:
        self._writer.close()


class Logged:
    """A screen, and beside it a log."""

    def __init__(self, screen: Screen, log: Log):
        self._screen, self._log = screen, log

    def __getattr__(self, name: str) -> Any:
        return getattr(self._screen, name)

    def line(self, epoch: int, metrics: dict[str, Any], timing: dict[str, Any]) -> None:
        self._screen.line(epoch, metrics, timing)

    def epoch(self, step: Step) -> None:
        assert step.metrics is not None
        self._log.scalars(step.metrics, step.progress.epoch)
        self._screen.epoch(step)

    def samples(self, epoch: int, continuations: dict[str, str]) -> None:
        self._log.texts(continuations, epoch)

    def close(self) -> None:
        self._log.close()
        self._screen.close()


@contextlib.contextmanager
def screen(e: Experiment, run: RunDir, options: Options, hosts: Hosts) -> Iterator[Any]:
    shown: Any = Bar(e) if _is_watched() else Screen(e)
    if not hosts.first:
        shown = Silence(e)
    elif options.tensorboard:
        shown = Logged(shown, Log(run))
    try:
        yield shown
    finally:
        shown.close()


def _is_watched() -> bool:
    """Is there a terminal, or a notebook?"""
    return sys.stdout.isatty() or "ipykernel" in sys.modules
