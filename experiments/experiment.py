"""What a run needs: `prepare` refuses all that can be refused, and writes nothing."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import presets
import settings as settings_
from claims import Result, Verdict
from settings import Settings

import jaxrnn
from jaxrnn import text, training
from jaxrnn.saving import TextRecipe

LARGE = 1 << 24  # bytes of a text whose ids are kept on disk
SECONDS = 1.0  # of a program of updates, at most, where the machine is not slow


@dataclasses.dataclass(frozen=True)
class Experiment:
    """What a run needs; all of it is said in config.json."""

    name: str
    preset: presets.Preset
    settings: Settings
    corpus: text.Corpus
    encoded: text.Encoded
    parts: text.Split
    prefixes: tuple[str, ...]
    whole: int  # tokens of the corpus, of which `encoded` has the first

    @property
    def as_claimed(self) -> bool:
        """Is nothing else asked for that a claim depends on?"""
        free = ("epochs", "seed", "corpus")
        own, cut = self.preset.settings, self.settings.text.cut
        flat = {k: v for group in own.plain().values() for k, v in group.items() if k in free}
        same = self.settings.with_(**flat, prefixes=(), cut=own.text.cut) == own
        return same and (cut is None or cut == self.preset.cut)

    @functools.cached_property
    def model(self) -> jaxrnn.LanguageModel:
        return self.settings.model.language_model(len(self.encoded.vocab))

    @functools.cached_property
    def optimizer(self) -> Any:
        t = self.settings.training
        return training.optimizer(t.optimizer, self._rate, t.clip)

    @functools.cached_property
    def _rate(self) -> float | training.Schedule:
        t = self.settings.training
        if t.schedule == "constant" and not t.warmup:
            return t.learning_rate
        updates = t.epochs * len(self.starts(1))
        name: Any = t.schedule  # which is judged there
        return training.schedule(name, t.learning_rate, updates, t.warmup)

    def rate_at(self, update: int) -> float:
        rate = self._rate
        return float(rate(update)) if callable(rate) else rate

    def starts(self, epoch: int) -> np.ndarray:
        """Where the rows of each minibatch of an epoch begin, (N, B)."""
        t = self.settings.training
        return text.starts(
            t.sampling, len(self.parts.train), t.batch_size, t.num_steps, t.seed, epoch
        )

    @functools.cached_property
    def program(self) -> int:
        """Minibatches of one program: about `SECONDS`, by their arithmetic and not by the clock, so
        that a run that is gone on with has the same programs on any machine."""
        t, model = self.settings.training, self.settings.model
        products = 6 * self.parameters * t.batch_size * t.num_steps
        seconds = products / 1e11 + 2e-5 * t.num_steps * model.layers
        return max(1, int(SECONDS / seconds))

    @functools.cached_property
    def parameters(self) -> int:
        forms = jax.eval_shape(self.model.init, jax.random.key(0))
        return sum(a.size for a in jax.tree.leaves(forms))

    def start_carry(self, params: Any) -> Any:
        return self.model.initial_carry(params, (self.settings.training.batch_size,))

    def unigram_perplexity(self) -> float:
        return text.unigram_perplexity(self.encoded.ids, len(self.encoded.vocab))

    def continuations(self, params: Any, count: int) -> dict[str, str]:
        """What the model writes after each prefix: `count` tokens, the likeliest each time."""
        vocabulary = self.encoded.vocab
        columns = [self.prompt(prefix) for prefix in self.prefixes]
        lengths = np.array(list(map(len, columns)), np.int32)
        prefixes = np.zeros((lengths.max(), len(lengths)), np.int32)
        for column, ids in enumerate(columns):
            prefixes[: len(ids), column] = ids
        said = np.asarray(self.model.generate(params, prefixes, jnp.asarray(lengths), count))
        return {p: vocabulary.text(ids) for p, ids in zip(self.prefixes, said.T, strict=True)}

    def prompt(self, prefix: str) -> np.ndarray:
        """The ids of what is to be continued, cleaned as the corpus was."""
        return text.find_recipe(self.recipe).prompt(prefix, self.encoded.vocab)

    @property
    def recipe(self) -> str:
        return self.settings.text.recipe or self.corpus.recipe

    @property
    def text_recipe(self) -> TextRecipe:
        """For the model's file."""
        vocabulary = self.encoded.vocab
        return TextRecipe(vocabulary.tokens, vocabulary.unk, vocabulary.unit, self.recipe)

    @functools.cached_property
    def _characters(self) -> int:
        return self.encoded.vocab.characters(self.encoded.ids)

    def bits(self, perplexity: float) -> float:
        """Bits a character."""
        return text.bits_per_character(perplexity, len(self.encoded.ids), self._characters)

    def rows(self, part: np.ndarray) -> tuple[np.ndarray, int]:
        """Where the rows begin in which a part is read from end to end, and how many there are."""
        t = self.settings.training
        batch = max(1, min(t.batch_size, len(part) // (t.num_steps + 1)))
        return text.starts("consecutive", len(part), batch, t.num_steps, 0, 0), batch

    def judge(self, perplexities: list[float], continuations: Mapping[str, str]) -> list[Verdict]:
        """On the claims that the run reached, if it was what they are made of."""
        result = Result(self.corpus.name, perplexities, self.unigram_perplexity(), continuations)
        claims = self.preset.claims if self.as_claimed else ()
        return [v for claim in claims if (v := claim.judge(result))]


def prepare(name: str, settings: Settings | None = None) -> Experiment:
    """The preset (or cell) of that name, with these settings in place of its own."""
    preset = presets.find(name)
    asked = preset.settings if settings is None else settings
    settings_.check(asked)
    _check_device()
    corpus = _load(preset, asked)
    said = asked.text
    own = corpus.name in (preset.settings.text.corpus, preset.fallback, *text.CORPORA)
    cut = (preset.cut if own else 0) if said.cut is None else said.cut
    rule = text.find_recipe(said.recipe or corpus.recipe)
    encoded = text.encode(corpus, rule, cut or None, said.unit, _token_folder(asked, cut))
    whole = _length(corpus, asked) if cut else len(encoded.ids)
    parts = text.split(encoded.ids, said.validation, said.test)
    prefixes = said.prefixes or _own_prefixes(corpus, encoded)
    e = Experiment(name, preset, asked, corpus, encoded, parts, prefixes, whole)
    e.starts(0)  # refuses a seed whose bits `init` would not see, too
    for part in (parts.validation, parts.test):
        if len(part):
            e.rows(part)
    for prefix in prefixes:
        e.prompt(prefix)
    jax.eval_shape(e.model.init, jax.random.key(0))
    e.rate_at(0)
    return e


def _check_device() -> None:
    try:
        jax.devices()
    except RuntimeError as error:  # $JAX_PLATFORMS names one that is not here
        raise ValueError(f"JAX finds no device: {error}") from None


def _load(preset: presets.Preset, asked: Settings) -> text.Corpus:
    """The corpus asked for; a preset's own may fall back on a shipped one, and says so."""
    name = asked.text.corpus
    try:
        return text.load_corpus(name)
    except text.CorpusNotFound as error:
        if preset.fallback is None or name != preset.settings.text.corpus:
            raise
        print(f"{error}\nTraining on {preset.fallback} instead.")
        return text.load_corpus(preset.fallback)


def _token_folder(asked: Settings, cut: int) -> Path | None:
    """Where the ids of a large text are kept from run to run."""
    path = Path(asked.text.corpus).expanduser()
    if cut or not path.is_file() or path.stat().st_size < LARGE:
        return None
    return text.cache_folder() / "tokens"


def _length(corpus: text.Corpus, asked: Settings) -> int:
    """Tokens of a whole corpus."""
    recipe = text.find_recipe(asked.text.recipe or corpus.recipe)
    return sum(1 for _ in recipe.tokens(corpus, asked.text.unit))


def _own_prefixes(corpus: text.Corpus, encoded: text.Encoded) -> tuple[str, ...]:
    """Those known of the corpus, where what the cut left can write them; else how it begins."""
    ids, vocabulary = encoded.ids, encoded.vocab
    known = presets.PREFIXES.get(corpus.name, ()) if vocabulary.unit == "char" else ()
    beginnings = tuple(vocabulary.text(ids[:n]) for n in (2, 4))
    if vocabulary.unit == "byte":  # of which a character may have four
        beginnings = tuple(vocabulary.text(ids[:16])[:n] for n in (2, 4))
    return known if known and {*"".join(known)} <= {*vocabulary.tokens} else beginnings
