"""Train a recurrent language model by a preset, and hold it to the preset's claims.

    python experiments/char_lm.py gru-concise
    python experiments/char_lm.py --list

A run is its folder: config.json says all that it was made of, metrics.jsonl has a line for every
epoch that is finished. Who pipes the output to `head` only looks: the run trains on to its end.

Exit status: 0 done, 2 bad input or a file that cannot be read or written, 3 a claim that the run
reached is broken, 130 interrupted.
"""

from __future__ import annotations

import dataclasses
from typing import Annotated

import command
import jax
import presets
import tyro
from experiment import Experiment, judge, prepare, train
from run_dir import RunDir

import jaxrnn
from jaxrnn import text


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Train a recurrent language model by a preset, and hold it to the preset's claims."""

    preset: Annotated[str | None, tyro.conf.Positional] = None
    """Name of a preset; --list shows them."""
    list: bool = False
    """Show every preset with its claims, and stop."""
    corpus: str | None = None
    """analects, moby_dick, time_machine, lyrics, or a file (.txt, or .zip with one .txt)."""
    epochs: int | None = None
    """Epochs to train; else the preset's."""
    every: int | None = None
    """Epochs from one printed line to the next; else the preset's."""
    seed: int = 0
    """Of the initial weights and of the sampling: 0 to 4294967295."""
    run_dir: str | None = None
    """Where config.json and metrics.jsonl go; else a new folder under runs/."""
    sampling: str | None = None
    """consecutive, consecutive-offset, random or random-offset; else the preset's."""
    restart: str | None = None
    """Where the carry begins anew: minibatch, epoch or never; else what the sampling asks for."""
    unit: text.Unit = "char"
    """char or word."""
    cut: int | None = None
    """Tokens of the corpus to train on; else the preset's; 0 for all."""
    prefixes: tuple[str, ...] = ()
    """What to continue; else the corpus's own."""


def main(arguments: Arguments) -> int:
    if arguments.list:
        show_presets()
        return 0
    asked = dataclasses.asdict(arguments)
    name, run_dir, _ = (asked.pop(field) for field in ("preset", "run_dir", "list"))
    if name is None:
        raise presets.UnknownPreset("name a preset: --list shows all of them.")
    experiment = prepare(name, **asked)
    return follow(experiment, RunDir(run_dir, name, experiment.config()))


def show_presets() -> None:
    for name, preset in presets.PRESETS.items():
        print(f"{name:18} {preset.summary}; {preset.epochs} epochs")
        for claim in preset.claims:
            print(f"{'':18}   {claim}")


def follow(e: Experiment, run: RunDir) -> int:
    """Train, write and print each epoch, and judge the whole."""
    params, perplexities, continuations = e.init(), [], {}
    introduce(e, params, run)
    for epoch in train(e, params):
        run.append(epoch.metrics)
        perplexities.append(epoch.metrics["perplexity"])
        done = len(perplexities)
        if done % e.preset.every == 0 or done == e.preset.epochs:
            print(
                f"epoch {done}, perplexity {perplexities[-1]:.6g}, "
                f"{epoch.metrics['seconds']:.3f} s, "
                f"{epoch.metrics['tokens_per_second']:,.0f} tokens/s",
                flush=True,
            )
            continuations = show_continuations(e, epoch.params, 50)
    return pronounce(e, perplexities, continuations)


def introduce(e: Experiment, params: jaxrnn.LanguageModelParams, run: RunDir) -> None:
    c, (ids, vocabulary) = e.corpus, e.encoded
    print(
        f"{c.name} ({c.source}, sha1 {c.sha1[:8]}): {len(ids):,} tokens, "
        f"{len(vocabulary):,} distinct, unigram perplexity {e.unigram_perplexity():.1f}"
    )
    size = sum(leaf.size for leaf in jax.tree.leaves(params))
    print(f"{e.preset.summary}: {size:,} parameters on {jax.devices()[0].device_kind}")
    print(f"epochs are written to {run.path}/metrics.jsonl; before training:")
    show_continuations(e, params, 10)


def show_continuations(
    e: Experiment, params: jaxrnn.LanguageModelParams, count: int
) -> dict[str, str]:
    continuations = e.continuations(params, count)
    for prefix, said in continuations.items():
        print(f"  {prefix}|{said}", flush=True)
    return continuations


def pronounce(e: Experiment, perplexities: list[float], continuations: dict[str, str]) -> int:
    """Print how the run did by its claims; 3 where one is broken."""
    if not e.as_claimed:
        print("no claim is judged: the claims are those of the preset's own settings")
        return 0
    verdicts = judge(e, perplexities, continuations)
    for verdict in verdicts:
        print(f"{'kept' if verdict.kept else 'BROKEN'}: {verdict.sentence}")
    if not verdicts:
        print("no claim reached: " + "; ".join(map(str, e.preset.claims)))
    return 0 if all(verdict.kept for verdict in verdicts) else 3


if __name__ == "__main__":
    command.run(lambda: main(tyro.cli(Arguments)))
