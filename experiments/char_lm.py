"""Train a recurrent language model by a preset, and hold it to the preset's claims.

    python experiments/char_lm.py gru-concise
    python experiments/char_lm.py --list

Exit status: 0 done, 2 bad input, 3 a claim that the run reached is broken, 130 interrupted.
"""

from __future__ import annotations

import dataclasses
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
import presets
import tyro
from claims import Result
from run_dir import RunDir, RunDirError, fresh_path

import jaxrnn
from jaxrnn import text, training


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
    """Of the initial weights and of the sampling."""
    run_dir: Path | None = None
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
    if arguments.preset is None:
        raise presets.UnknownPreset("name a preset: --list shows all of them.")
    run = Run(arguments, presets.find(arguments.preset))
    run.train()
    return run.judge()


def show_presets() -> None:
    for name, preset in presets.PRESETS.items():
        print(f"{name:18} {preset.summary}; {preset.epochs} epochs")
        for claim in preset.claims:
            print(f"{'':18}   {claim}")


class Run:
    """One training run: the model, its text, and what it prints and writes."""

    def __init__(self, arguments: Arguments, preset: presets.Preset):
        self.preset, self.seed = _overridden(preset, arguments), arguments.seed
        shown = {"epochs": preset.epochs, "every": preset.every}
        changed = dataclasses.replace(self.preset, **shown) != preset
        self.as_claimed = not changed and arguments.unit == "char"
        self.corpus = _load(self.preset, arguments.corpus)
        self.encoded = text.encode(self.corpus, cut=self.preset.cut or None, unit=arguments.unit)
        ids, self.vocabulary = self.encoded
        self.model = jaxrnn.language_model(
            self.preset.layer, len(self.vocabulary), initializer=self.preset.head
        )
        self.unigram = text.unigram_perplexity(ids, len(self.vocabulary))
        beginnings = tuple(self.vocabulary.text(ids[:n]) for n in (2, 4))
        known = presets.PREFIXES.get(self.corpus.name, beginnings)
        known = known if arguments.unit == "char" else beginnings
        self.prefixes = arguments.prefixes or known
        if "" in self.prefixes:
            raise ValueError(f"a prefix needs at least one character, got {self.prefixes!r}.")
        self.prefix_ids = [self.vocabulary.ids(prefix) for prefix in self.prefixes]
        self._batches(0)  # too short a text is refused before anything is written
        name = arguments.preset or ""
        self.dir = RunDir(arguments.run_dir or fresh_path(name), self._config(name))
        self.perplexities: list[float] = []
        self.continuations: dict[str, str] = {}

    def _config(self, name: str) -> dict[str, Any]:
        fields = {f.name: getattr(self.preset, f.name) for f in dataclasses.fields(self.preset)}
        plain: dict[str, Any] = {
            k: v if isinstance(v, int | float | str | None) else str(v) for k, v in fields.items()
        }
        plain["claims"] = [str(claim) for claim in self.preset.claims]
        corpus = {k: getattr(self.corpus, k) for k in ("name", "source", "sha1")}
        versions = {"jaxrnn": jaxrnn.__version__, "jax": jax.__version__}
        device = jax.devices()[0].device_kind
        return plain | {
            "preset": name,
            "seed": self.seed,
            "corpus": corpus,
            "versions": versions,
            "device": device,
        }

    def _batches(self, epoch: int) -> text.Batches:
        p = self.preset
        return text.batches(
            p.sampling, self.encoded.ids, p.batch_size, p.num_steps, self.seed, epoch
        )

    def train(self) -> None:
        p, model = self.preset, self.model
        optimizer = training.optimizer(p.optimizer, p.learning_rate, p.clip)
        params = model.init(jax.random.key(self.seed))
        start_carry = model.initial_carry(params, (p.batch_size,))
        state = training.start(params, optimizer, start_carry)
        self._introduce(params)
        for epoch in range(1, p.epochs + 1):
            inputs, targets = self._batches(epoch)
            begin = time.perf_counter()
            state, report = training.epoch(
                model.loss, optimizer, state, inputs, targets, start_carry, p.restart
            )
            losses, norms = jax.device_get(report)
            seconds = time.perf_counter() - begin
            self._record(epoch, losses, norms, seconds, inputs.size)
            if epoch % p.every == 0 or epoch == p.epochs:
                self._show(epoch, seconds, inputs.size)
                self._continue(state.params, 50)

    def _introduce(self, params: Any) -> None:
        c, V = self.corpus, len(self.vocabulary)
        size = sum(leaf.size for leaf in jax.tree.leaves(params))
        print(
            f"{c.name} ({c.source}, sha1 {c.sha1[:8]}): {len(self.encoded.ids):,} tokens, "
            f"{V:,} distinct, unigram perplexity {self.unigram:.1f}"
        )
        print(f"{self.preset.summary}: {size:,} parameters on {jax.devices()[0].device_kind}")
        print(f"epochs are written to {self.dir.path}/metrics.jsonl; before training:")
        self._continue(params, 10)

    def _record(
        self, epoch: int, losses: np.ndarray, norms: np.ndarray, seconds: float, tokens: int
    ) -> None:
        self.perplexities.append(training.perplexity(losses))
        self.dir.append(
            {
                "epoch": epoch,
                "perplexity": self.perplexities[-1],
                "seconds": seconds,
                "tokens_per_second": tokens / seconds,
                "gradient_norm": float(norms.mean()),
                "clipped_fraction": float((norms > self.preset.clip).mean()),
            }
        )

    def _show(self, epoch: int, seconds: float, tokens: int) -> None:
        print(
            f"epoch {epoch}, perplexity {self.perplexities[-1]:.6g}, "
            f"{seconds:.3f} s, {tokens / seconds:,.0f} tokens/s",
            flush=True,
        )

    def _continue(self, params: Any, count: int) -> None:
        lengths = np.array([len(ids) for ids in self.prefix_ids])
        prefixes = np.zeros((lengths.max(), len(lengths)), np.int32)
        for column, ids in enumerate(self.prefix_ids):
            prefixes[: len(ids), column] = ids
        said = np.asarray(self.model.generate(params, prefixes, jnp.asarray(lengths), count))
        for column, prefix in enumerate(self.prefixes):
            self.continuations[prefix] = self.vocabulary.text(said[:, column])
            print(f"  {prefix}|{self.continuations[prefix]}", flush=True)

    def judge(self) -> int:
        """Hold the run to the claims that it reached; 3 where one is broken."""
        if not self.as_claimed:
            print("no claim is judged: the claims are those of the preset's own settings")
            return 0
        result = Result(self.corpus.name, self.perplexities, self.unigram, self.continuations)
        verdicts = [v for claim in self.preset.claims if (v := claim.judge(result))]
        for verdict in verdicts:
            print(f"{'kept' if verdict.kept else 'BROKEN'}: {verdict.sentence}")
        if not verdicts:
            print("no claim reached: " + "; ".join(map(str, self.preset.claims)))
        return 0 if all(verdict.kept for verdict in verdicts) else 3


def _overridden(preset: presets.Preset, arguments: Arguments) -> presets.Preset:
    """The preset with what the command line asks for instead."""
    changes: dict[str, Any] = {
        name: value
        for name in ("epochs", "every", "sampling", "restart", "cut")
        if (value := getattr(arguments, name)) is not None
    }
    for name in ("epochs", "every"):
        if changes.get(name, 1) < 1:
            raise ValueError(f"`{name}` must be positive, got {changes[name]}.")
    if changes.get("cut", 0) < 0:
        raise ValueError(f"`cut` must be positive, or 0 for all, got {changes['cut']}.")
    if arguments.sampling is not None and arguments.restart is None:
        changes["restart"] = "minibatch" if arguments.sampling.startswith("random") else "epoch"
    if changes.get("restart", "epoch") not in training.RESTARTS:
        raise ValueError(
            f"`restart` must be one of {training.RESTARTS}, got {arguments.restart!r}."
        )
    return dataclasses.replace(preset, **changes)


def _load(preset: presets.Preset, name: str | None) -> text.Corpus:
    """The corpus asked for; a preset's own may fall back on a shipped one, and says so."""
    try:
        return text.load_corpus(name or preset.corpus)
    except text.CorpusNotFound as error:
        if name is not None or preset.fallback is None:
            raise
        print(f"{error}\nTraining on {preset.fallback} instead.")
        return text.load_corpus(preset.fallback)


if __name__ == "__main__":
    try:
        sys.exit(main(tyro.cli(Arguments)))
    except (ValueError, RunDirError) as error:
        print(f"char_lm: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted: the epochs that finished are written", file=sys.stderr)
        sys.exit(130)
