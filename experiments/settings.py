"""What a run can be told: plain values, by group. config.json holds them, `--config` reads them."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import jaxrnn
from jaxrnn import text, training
from jaxrnn._values import quote

Initializer = Literal["glorot_orthogonal", "small_normal", "pytorch_uniform"]
HeadInitializer = Literal["glorot", "small_normal", "pytorch_uniform"]
Cell = Literal[
    "vanilla",
    "gru",
    "lstm",
    "projection_lstm",
    "peephole_lstm",
    "coupled_lstm",
    "layer_norm_lstm",
    "layer_norm_gru",
    "mgu",
    "indrnn",
    "slstm",
    "mingru",
    "minlstm",
    "sru",
    "qrnn",
    "lru",
    "rg_lru",
    "mlstm",
    "paragru",
]


_OF_SOME_CELLS = (
    *("reset", "recurrent_bias", "initializer"),
    *("heads", "projection_size", "window"),
)


class SettingsError(ValueError):
    """A setting that no run can have; the sentence quotes it."""


@dataclasses.dataclass(frozen=True)
class Model:
    """What is trained."""

    cell: Cell = "lstm"
    """The recurrent cell."""
    hidden_size: int = 256
    """Units of a layer."""
    layers: int = 1
    """Layers, one on the other."""
    bidirectional: bool = False
    """Read each chunk both ways; such a model has seen the answer, and cannot write."""
    reset: Literal["after", "before"] = "after"
    """Of a GRU: where the reset gate is applied, after its product or before."""
    recurrent_bias: bool | None = None
    """A second bias, inside the recurrent product; None is the cell's own default."""
    heads: int | None = None
    """Of an sLSTM or mLSTM: the heads that its units are parted in; None is 1."""
    projection_size: int | None = None
    """Of a projection LSTM: the features of its output; None is half of --hidden-size."""
    window: int | None = None
    """Of a QRNN: the inputs that its convolution sees; None is 2."""
    initializer: Initializer = "glorot_orthogonal"
    """How the cell's weights begin."""
    head: HeadInitializer = "glorot"
    """How the output layer's weights begin."""
    embedding: int = 0
    """Features of a token's embedding; 0 for one-hot vectors."""
    tied: bool = False
    """The output layer's weights are the embedding's; needs --embedding equal to --hidden-size."""
    residual: bool = False
    """Each layer but the first adds what it reads to what it gives."""
    dropout: float = 0.0
    """Rate of dropout on embeddings, between the layers, and before the output layer."""
    recurrent_dropout: float = 0.0
    """Rate of variational dropout on h, one mask a row for a whole minibatch."""
    weight_dropout: float = 0.0
    """Rate of dropout on the recurrent weights."""
    zoneout: float = 0.0
    """Rate at which a unit of the carry holds its old value."""
    matmul_dtype: Literal["bfloat16", "float16"] | None = None
    """Round the operands of matrix products to 16 bits."""
    keep: Literal["gates", "carries", "chunks"] = "gates"
    """What the forward pass keeps for the backward one: each keeps less, and takes longer."""

    def one(self) -> jaxrnn.Cell:
        """The cell; SettingsError for a setting that it does not have."""
        kind: Any = jaxrnn.cells.CELLS[self.cell]
        own, given = {field.name for field in dataclasses.fields(kind)}, {}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name in _OF_SOME_CELLS and value != field.default:
                if field.name not in own:
                    raise SettingsError(f"`{field.name}` is no setting of {self.cell}.")
                given[field.name] = value
        if "projection_size" in own:
            given.setdefault("projection_size", max(1, self.hidden_size // 2))
        return kind(self.hidden_size, **given)

    def layer(self) -> jaxrnn.Layer:
        how: dict[str, Any] = {"keep": self.keep, "matmul_dtype": self.matmul_dtype}
        how["dropout"] = jaxrnn.Dropout(
            recurrent=self.recurrent_dropout, weights=self.weight_dropout, zoneout=self.zoneout
        )
        make: Callable[..., jaxrnn.Layer] = jaxrnn.unroll
        if self.bidirectional:
            make = jaxrnn.bidirectional
        layer = make(self.one(), **how)
        _least("layers", self.layers, 1)
        if self.layers == 1:
            if self.residual:
                raise SettingsError("`residual` goes from layer to layer, and there is one.")
            return layer
        above = jaxrnn.residual(layer) if self.residual else layer
        return jaxrnn.stack([layer, *[above] * (self.layers - 1)], dropout=self.dropout)

    def language_model(self, vocab_size: int) -> jaxrnn.LanguageModel:
        given: dict[str, Any] = {"embedding": self.embedding or None, "tied": self.tied}
        given = {name: value for name, value in given.items() if value}
        if self.dropout:
            given["dropout"] = self.dropout
        return jaxrnn.language_model(self.layer(), vocab_size, initializer=self.head, **given)

    @property
    def drops(self) -> bool:
        return any((self.dropout, self.recurrent_dropout, self.weight_dropout, self.zoneout))


@dataclasses.dataclass(frozen=True)
class Training:
    """How it is trained."""

    optimizer: Literal["adam", "sgd"] = "adam"
    """The rule of an update."""
    learning_rate: float = 0.003
    """Of every update, or where its schedule begins."""
    clip: float = 1.0
    """The greatest norm of a gradient, over all parameters; inf for no clipping."""
    schedule: str = "constant"
    """How the rate goes: constant, or cosine, linear or exponential, down to a hundredth."""
    warmup: int = 0
    """Updates in which the rate rises from nothing."""
    epochs: int = 20
    """Epochs to train."""
    batch_size: int = 32
    """Rows of a minibatch."""
    num_steps: int = 64
    """Tokens of a row."""
    sampling: text.Sampling = "consecutive-offset"
    """How the text is cut into rows: jaxrnn.text.batches tells."""
    restart: Literal["auto", "minibatch", "epoch", "never"] = "auto"
    """Where the carry begins anew; auto: at each minibatch of random sampling, else each epoch."""
    patience: int = 0
    """Stop after so many epochs without a better validation perplexity; 0 for never."""
    seed: int = 0
    """Of the initial weights, the sampling and the dropout: 0 to 4294967295."""

    def carried(self) -> training.Restart:
        if self.restart == "auto":
            return "minibatch" if self.sampling.startswith("random") else "epoch"
        return self.restart


@dataclasses.dataclass(frozen=True)
class Text:
    """What it is trained on."""

    corpus: str = "analects"
    """analects, moby_dick, time_machine, lyrics, tiny_shakespeare, or a file (.txt, or .zip with
    one .txt), which is taken as it is."""
    unit: text.Unit = "char"
    """What a token is."""
    recipe: str | None = None
    """How the text is cleaned; else the corpus's own way."""
    cut: int | None = None
    """Tokens of the text to take, 0 for all; else the preset's for its own text, all of any
    other."""
    validation: float = 0.0
    """Part of the text, at its end, to measure on and not to train on."""
    test: float = 0.0
    """Part behind that, measured once, when the run is over."""
    prefixes: tuple[str, ...] = ()
    """What to continue; else the corpus's own, or how the text begins."""


@dataclasses.dataclass(frozen=True)
class Settings:
    model: Model = dataclasses.field(default_factory=Model)
    training: Training = dataclasses.field(default_factory=Training)
    text: Text = dataclasses.field(default_factory=Text)

    def with_(self, **changes: Any) -> Settings:
        """Fields changed, whatever group they are in."""
        groups = {}
        for name in ("model", "training", "text"):
            group = getattr(self, name)
            own = {field.name for field in dataclasses.fields(group)}
            groups[name] = dataclasses.replace(
                group, **{k: v for k, v in changes.items() if k in own}
            )
        return Settings(**groups)

    def plain(self) -> dict[str, Any]:
        """As JSON has it, which has no infinity."""
        told = dataclasses.asdict(self)
        told = {"network": told["model"], "training": told["training"], "text": told["text"]}
        told["text"]["prefixes"] = [*self.text.prefixes]
        told["training"]["clip"] = None if self.training.clip == math.inf else self.training.clip
        return told


def check(settings: Settings) -> None:
    """SettingsError for numbers out of range that nothing else refuses in a sentence."""
    t, said = settings.training, settings.text
    for name in ("epochs", "batch_size", "num_steps"):
        _least(name, getattr(t, name), 1)
    for name in ("warmup", "patience"):
        _least(name, getattr(t, name), 0)
    for name in ("learning_rate", "clip"):
        if not getattr(t, name) > 0:
            raise SettingsError(f"`{name}` must be positive, got {getattr(t, name)}.")
    if not math.isfinite(t.learning_rate):
        raise SettingsError(f"`learning_rate` must be finite, got {t.learning_rate}.")
    if said.cut is not None:
        _least("cut", said.cut, 0, ", or 0 for all")
    _least("embedding", settings.model.embedding, 0, ", or 0 for one-hot vectors")
    if t.patience and not said.validation:
        raise SettingsError("`patience` needs a validation part: give --validation 0.1, say.")


def read(path: str) -> tuple[str, Settings]:
    """The name and the settings in a config.json, or in the folder of a run."""
    file = Path(path).expanduser()
    file = file / "config.json" if file.is_dir() else file
    try:
        config = json.loads(file.read_bytes())
        return str(config["name"]), _settings(config)
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}.") from None
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        told = f": {error}" if isinstance(error, SettingsError) else "."
        raise SettingsError(f"{file} is no configuration of a run{told}") from None


def _settings(told: Mapping[str, Any]) -> Settings:
    kinds = {"network": Model, "training": Training, "text": Text}
    groups = {}
    for name, kind in kinds.items():
        fields = {field.name for field in dataclasses.fields(kind)}
        if unknown := sorted({*told[name]} - fields):
            raise SettingsError(f"there is no setting {unknown[0]!r} in {name!r}.")
        groups[name] = {**told[name]}
    if groups["training"].get("clip", 0) is None:
        groups["training"]["clip"] = math.inf
    for name, kind in kinds.items():
        hints = get_type_hints(kind)
        for field, value in groups[name].items():
            if not _fits(value, hints[field]):
                raise SettingsError(f"{field!r} cannot be {quote(value)}.")
    groups["text"]["prefixes"] = tuple(groups["text"].get("prefixes", ()))
    return Settings(*(kind(**groups[name]) for name, kind in kinds.items()))


def _fits(value: Any, kind: Any) -> bool:
    """Is a value of JSON one of that type?"""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Literal:
        return value in parts
    if origin in (Union, UnionType):
        return any(_fits(value, part) for part in parts)
    if origin is tuple:
        return isinstance(value, list) and all(isinstance(each, str) for each in value)
    if kind is float:
        return isinstance(value, float) or type(value) is int
    return type(value) is kind if kind in (int, bool) else isinstance(value, kind)


def _least(name: str, value: int, least: int, also: str = "") -> None:
    if value < least:
        kind = "positive" if least else "0 or more"
        raise SettingsError(f"`{name}` must be {'positive' if also else kind}{also}, got {value}.")
