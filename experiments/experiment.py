"""One training run: `prepare` refuses all that can be refused and writes nothing, `train` gives one
epoch after another, `judge` holds them to the preset's claims."""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import presets
from claims import Result, Verdict

import jaxrnn
from jaxrnn import text, training


@dataclasses.dataclass(frozen=True)
class Experiment:
    """What a run needs; all of it is said in config.json."""

    name: str
    preset: presets.Preset  # with what was asked for instead
    as_claimed: bool  # nothing was, or nothing that a claim depends on
    seed: int
    corpus: text.Corpus
    encoded: text.Encoded
    prefixes: tuple[str, ...]

    @functools.cached_property
    def model(self) -> jaxrnn.LanguageModel:
        p = self.preset
        return jaxrnn.language_model(p.layer, len(self.encoded.vocab), initializer=p.head)

    def init(self) -> jaxrnn.LanguageModelParams:
        return self.model.init(jax.random.key(self.seed))

    def batches(self, epoch: int) -> text.Batches:
        p = self.preset
        return text.batches(
            p.sampling, self.encoded.ids, p.batch_size, p.num_steps, self.seed, epoch
        )

    def unigram_perplexity(self) -> float:
        return text.unigram_perplexity(self.encoded.ids, len(self.encoded.vocab))

    def continuations(self, params: jaxrnn.LanguageModelParams, count: int) -> dict[str, str]:
        """What the model writes after each prefix: `count` tokens, the likeliest each time."""
        vocabulary = self.encoded.vocab
        columns = [vocabulary.ids(prefix) for prefix in self.prefixes]
        lengths = np.array(list(map(len, columns)), np.int32)
        prefixes = np.zeros((lengths.max(), len(lengths)), np.int32)
        for column, ids in enumerate(columns):
            prefixes[: len(ids), column] = ids
        said = np.asarray(self.model.generate(params, prefixes, jnp.asarray(lengths), count))
        return {p: vocabulary.text(ids) for p, ids in zip(self.prefixes, said.T, strict=True)}

    def config(self) -> dict[str, Any]:
        """All that is needed to run it again, or to know what differed."""
        fields = {f.name: getattr(self.preset, f.name) for f in dataclasses.fields(self.preset)}
        plain: dict[str, Any] = {
            k: v if isinstance(v, int | float | str | None) else str(v) for k, v in fields.items()
        }
        corpus = ("name", "source", "sha1", "recipe")
        return {
            "preset": self.name,
            "seed": self.seed,
            "unit": self.encoded.vocab.unit,
            "prefixes": list(self.prefixes),
            **plain,
            "claims": list(map(str, self.preset.claims)),
            "corpus": {k: getattr(self.corpus, k) for k in corpus},
            "tokens": len(self.encoded.ids),
            "vocabulary": len(self.encoded.vocab),
            "dtype": str(jnp.result_type(float)),
            "versions": {"jaxrnn": jaxrnn.__version__, "jax": jax.__version__},
            "device": jax.devices()[0].device_kind,
        }


class Epoch(NamedTuple):
    """What one epoch leaves: its line of metrics.jsonl, and the params after it."""

    metrics: dict[str, float]
    params: jaxrnn.LanguageModelParams


def prepare(
    name: str,
    seed: int = 0,
    corpus: str | None = None,
    unit: text.Unit = "char",
    prefixes: tuple[str, ...] = (),
    **changes: Any,
) -> Experiment:
    """The preset of that name, its fields changed where a change is not None."""
    preset = presets.find(name)
    changed = _changed(preset, {k: v for k, v in changes.items() if v is not None})
    _check_device()
    shown = {"epochs": preset.epochs, "every": preset.every}
    as_claimed = dataclasses.replace(changed, **shown) == preset and unit == "char"
    loaded = _load(changed, corpus)
    encoded = text.encode(loaded, cut=changed.cut or None, unit=unit)
    said = prefixes or _own_prefixes(loaded, encoded)
    experiment = Experiment(name, changed, as_claimed, seed, loaded, encoded, said)
    experiment.batches(0)  # refuses a seed whose bits `init` would not see, too
    for prefix in prefixes:
        _check_prefix(prefix, encoded.vocab)
    return experiment


def train(e: Experiment, params: jaxrnn.LanguageModelParams) -> Iterator[Epoch]:
    p, model = e.preset, e.model
    optimizer = training.optimizer(p.optimizer, p.learning_rate, p.clip)
    start_carry = model.initial_carry(params, (p.batch_size,))
    state = training.start(params, optimizer, start_carry)
    for epoch in range(1, p.epochs + 1):
        inputs, targets = e.batches(epoch)
        begin = time.perf_counter()
        state, report = training.epoch(
            model.loss, optimizer, state, inputs, targets, start_carry, p.restart
        )
        losses, norms = jax.device_get(report)
        seconds = time.perf_counter() - begin
        metrics = {
            "epoch": epoch,
            "perplexity": training.perplexity(losses),
            "seconds": seconds,
            "tokens_per_second": inputs.size / seconds,
            "gradient_norm": float(norms.mean()),
            "clipped_fraction": float((norms > p.clip).mean()),
        }
        yield Epoch(metrics, state.params)


def judge(
    e: Experiment, perplexities: list[float], continuations: Mapping[str, str]
) -> list[Verdict]:
    """On the claims that the run reached, if it was what they are made of."""
    result = Result(e.corpus.name, perplexities, e.unigram_perplexity(), continuations)
    return [v for claim in e.preset.claims if e.as_claimed and (v := claim.judge(result))]


def _changed(preset: presets.Preset, changes: dict[str, Any]) -> presets.Preset:
    """The carry begins anew where another sampling asks for it, unless that is said too."""
    for name, least in (("epochs", 1), ("every", 1), ("cut", 0)):
        if changes.get(name, least) < least:
            also = "" if least else ", or 0 for all"
            raise ValueError(f"`{name}` must be positive{also}, got {changes[name]}.")
    if "sampling" in changes:
        restart = "minibatch" if changes["sampling"].startswith("random") else "epoch"
        changes = {"restart": restart, **changes}
    restart = changes.get("restart", preset.restart)
    if restart not in training.RESTARTS:
        raise ValueError(f"`restart` must be one of {training.RESTARTS}, got {restart!r}.")
    return dataclasses.replace(preset, **changes)


def _check_device() -> None:
    try:
        jax.devices()
    except RuntimeError as error:  # $JAX_PLATFORMS names one that is not here
        raise ValueError(f"JAX finds no device: {error}") from None


def _load(preset: presets.Preset, name: str | None) -> text.Corpus:
    """The corpus asked for; a preset's own may fall back on a shipped one, and says so."""
    try:
        return text.load_corpus(preset.corpus if name is None else name)
    except text.CorpusNotFound as error:
        if name is not None or preset.fallback is None:
            raise
        print(f"{error}\nTraining on {preset.fallback} instead.")
        return text.load_corpus(preset.fallback)


def _check_prefix(prefix: str, vocabulary: text.Vocabulary) -> None:
    try:
        if len(vocabulary.ids(prefix)):
            return
    except text.TextError as error:
        raise text.TextError(f"prefix {prefix!r}: {error}") from None
    what = {"char": "character"}.get(vocabulary.unit, vocabulary.unit)
    raise text.TextError(f"a prefix needs at least one {what}, got {prefix!r}.")


def _own_prefixes(corpus: text.Corpus, encoded: text.Encoded) -> tuple[str, ...]:
    """Those known of the corpus, where what the cut left can write them; else how it begins."""
    ids, vocabulary = encoded
    known = presets.PREFIXES.get(corpus.name, ()) if vocabulary.unit == "char" else ()
    beginnings = tuple(vocabulary.text(ids[:n]) for n in (2, 4))
    return known if known and {*"".join(known)} <= {*vocabulary.tokens} else beginnings
