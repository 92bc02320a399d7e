"""Train a recurrent language model: a preset, or a cell on a text of your own.

    python experiments/char_lm.py gru-concise
    python experiments/char_lm.py lstm --corpus book.txt --hidden-size 512 --validation 0.1
    python experiments/char_lm.py --resume runs/lstm-20260101-120000
    python experiments/char_lm.py --list

NAME is a preset, which claims what its run comes to, or a cell, which begins with settings that
suit it; every setting can be given in its place. `NAME --help` shows all with their values.

A run is its folder: config.json says all that it was made of, metrics.jsonl and samples.jsonl have
a line for every epoch that is finished, checkpoints/ is what --resume goes on from,
model.safetensors is the model, report.html shows it. Ctrl-C stops a run within a second or two, and
keeps it.

Exit status: 0 done, 2 bad input or a file that cannot be read or written, 3 a claim that the run
reached is broken, 4 the loss is no number any more, 130 interrupted.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Annotated

import command
import presets
import settings
import tyro
from follow import Options, begin, resume
from run_dir import folder, read_config
from settings import Model, Settings, Text, Training


@dataclasses.dataclass(frozen=True)
class New:
    """Train a recurrent language model, and keep it in a folder."""

    name: Annotated[str, tyro.conf.Positional]
    """A preset or a cell; --list shows all."""
    model: Model
    training: Training
    text: Text
    run: Options
    config: str | None = None
    """Begin with the settings of a config.json, or of a run's folder, in place of NAME's."""
    run_dir: str | None = None
    """The folder of the run; else a new one under runs/."""


@dataclasses.dataclass(frozen=True)
class Resume:
    """Go on with a run, as if it had never stopped."""

    resume: str
    """The folder of the run."""
    run: Options
    epochs: int | None = None
    """Epochs to train in all, of a run at a constant rate; else as many as it began with."""


def main(words: Sequence[str]) -> int:
    if "--list" in words:
        return show_presets()
    if any(word.split("=")[0] == "--resume" for word in words):
        shown = Options(every=every(value_of("--resume", words)))
        asked = command.parse(Resume, words, default=Resume("", shown))
        return resume(asked.resume, asked.epochs, asked.run)
    asked = arguments(words)
    own = Settings(asked.model, asked.training, asked.text)
    return begin(asked.name, own, asked.run_dir, asked.run)


def arguments(words: Sequence[str]) -> New:
    """The command line, with the settings of the name that it gives, or of --config's file."""
    name, base = named(words), None
    if file := value_of("--config", words):
        stored, base = settings.read(file)
        words = words if name else [stored, *words]
        name = name or stored
    if name is None:
        if not {"--help", "-h"} & {*words}:
            raise presets.UnknownPreset("name a preset or a cell: --list shows all of them.")
        name = "lstm"
    preset = presets.find(name)
    own = base or preset.settings
    shown = Options(every=preset.every)
    return command.parse(New, words, default=New(name, own.model, own.training, own.text, shown))


def every(run: str | None) -> int:
    """As often as the run said it; what is wrong with the folder is told later."""
    try:
        return int(read_config(folder(run or "."))["every"])
    except (ValueError, KeyError, TypeError):
        return 1


def named(words: Sequence[str]) -> str | None:
    """The name: the first word, or else one that is known and no option's value."""
    if words and not words[0].startswith("-"):
        return words[0]
    known = {**presets.PRESETS, **presets.CELLS}
    pairs = zip(["", *words], words, strict=False)
    return next((w for before, w in pairs if w in known and not before.startswith("--")), None)


def value_of(option: str, words: Sequence[str]) -> str | None:
    for i, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name == option:
            return value if equals else next(iter(words[i + 1 :]), None)
    return None


def show_presets() -> int:
    for name, preset in presets.PRESETS.items():
        print(f"{name:20} {preset.summary}; {preset.settings.training.epochs} epochs")
        for claim in preset.claims:
            print(f"{'':20}   {claim}")
    for name, preset in presets.CELLS.items():
        print(f"{name:20} {preset.summary}, for a text of your own: --corpus FILE")
    return 0


if __name__ == "__main__":
    command.run(lambda: main(command.words()))
