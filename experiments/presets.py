"""The runs of the seeds (*Dive into Deep Learning*'s recurrent chapters): every one a layer, a
recipe of training, and a claim."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Final, Literal

from claims import Band, Claim, OnlyUnigram, Periodic

import jaxrnn
from jaxrnn import text

Head = Literal["small_normal", "pytorch_uniform"]


class UnknownPreset(ValueError):
    """No preset of that name; the sentence tells the nearest."""


@dataclass(frozen=True)
class Preset:
    """How to train one model. `restart`: where the carry begins anew (jaxrnn.training)."""

    summary: str
    layer: jaxrnn.Layer
    head: Head  # the output layer's initializer
    optimizer: Literal["sgd", "adam"]
    learning_rate: float
    clip: float
    epochs: int
    every: int  # epochs between two printed lines
    claims: tuple[Claim, ...]
    published: str  # what the write-ups or the book print, on the lyrics or the Time Machine
    corpus: str = "analects"
    fallback: str | None = None  # the corpus to take where the first is not at hand
    sampling: text.Sampling = "consecutive"
    restart: Literal["minibatch", "epoch"] = "epoch"
    batch_size: int = 32
    num_steps: int = 35
    cut: int = 10_000


_small: Final = "small_normal"
_torch: Final = "pytorch_uniform"
_rnn = jaxrnn.vanilla(256, recurrent_bias=True, initializer=_torch)
_gru = jaxrnn.gru(256, recurrent_bias=True, initializer=_torch)
_lstm = jaxrnn.lstm(256, recurrent_bias=True, initializer=_torch)


def _scratch(summary: str, cell: jaxrnn.Cell, **fields) -> Preset:
    """Weights N(0, 0.01²), biases zero, plain SGD at rate 100."""
    settings = {"learning_rate": 100.0, "clip": 0.01, "epochs": 160, "every": 40, **fields}
    return Preset(summary, jaxrnn.unroll(cell), _small, "sgd", **settings)


def _concise(summary: str, layer: jaxrnn.Layer, **fields) -> Preset:
    """PyTorch's layers and their initialisation, with Adam."""
    settings = {"learning_rate": 0.01, "clip": 0.01, "epochs": 160, "every": 40, **fields}
    return Preset(summary, layer, _torch, "adam", **settings)


def _time_machine(
    summary: str, layer: jaxrnn.Layer, head: Head, published: str, *claims: Claim, **fields
) -> Preset:
    """Plain SGD at rate 1, clipped at 1, on the Time Machine (else on Moby Dick)."""
    settings = {
        "corpus": "time_machine",
        "fallback": "moby_dick",
        "sampling": "consecutive-offset",
        **fields,
    }
    published = f"{published} @500"
    return Preset(summary, layer, head, "sgd", 1.0, 1.0, 500, 10, claims, published, **settings)


def _deep(depth: int) -> jaxrnn.Layer:
    return jaxrnn.stack([jaxrnn.unroll(_lstm)] * depth)


def _analects(epoch: int, low: float, high: float) -> Band:
    """What `bands.py` makes of five seeds of the campaign, and finds of three others."""
    return Band("analects", epoch, low, high)


def _moby_dick(low: float, high: float) -> Band:
    """Likewise, and like the Time Machine's a median; early, for all 500 epochs take long."""
    return Band("moby_dick", 200, low, high, median=50)


def _band(low: float, high: float) -> Band:
    """On the Time Machine SGD spikes, so the median of the last 50 of 500 epochs is judged."""
    return Band("time_machine", 500, low, high, median=50)


PRESETS: dict[str, Preset] = {
    "rnn-scratch": _scratch(
        "vanilla RNN, SGD, random sampling",
        jaxrnn.vanilla(256, initializer=_small),
        sampling="random",
        restart="minibatch",
        epochs=250,
        every=50,
        published="70.0 @50 … 1.30 @250",
        claims=(
            Band("lyrics", 250, 1.1, 1.7),
            _analects(250, 1.94, 2.35),
        ),
    ),
    "rnn-concise": _concise(
        "nn.RNN, Adam",
        jaxrnn.unroll(_rnn),
        learning_rate=0.001,
        epochs=250,
        every=50,
        published="10.7 @50 … 1.021 @250",
        claims=(
            Band("lyrics", 250, 1.0, 1.06),
            _analects(250, 1.047, 1.122),
        ),
    ),
    "gru-scratch": _scratch(
        "GRU, reset before the product, SGD",
        jaxrnn.gru(256, "before", initializer=_small),
        published="149.5 @40 … 1.44 @160",
        claims=(
            Band("lyrics", 40, 127, 172),
            Band("lyrics", 160, 1.0, 2.3),
            _analects(160, 3.78, 5.06),
        ),
    ),
    "gru-scratch-after": _scratch(
        "GRU, reset after the product, no recurrent bias, SGD",
        jaxrnn.gru(256, "after", recurrent_bias=False, initializer=_small),
        published="149.3 @40 … 1.43 @160",
        claims=(
            Band("lyrics", 40, 127, 172),
            Band("lyrics", 160, 1.0, 1.7),
            _analects(160, 2.79, 3.69),
        ),
    ),
    "gru-concise": _concise(
        "nn.GRU, Adam",
        jaxrnn.unroll(_gru),
        published="1.016–1.023 @40",
        claims=(
            Band("lyrics", 40, 1.0, 1.05),
            _analects(40, 1.026, 1.5),
        ),
    ),
    "lstm-scratch": _scratch(
        "LSTM, SGD",
        jaxrnn.lstm(256, initializer=_small),
        published="211 @40 … 4.27 @160",
        claims=(
            Band("lyrics", 160, 2.5, 8.0),
            _analects(160, 7.28, 10.6),
        ),
    ),
    "lstm-concise": _concise(
        "nn.LSTM, Adam",
        jaxrnn.unroll(_lstm),
        published="1.022 @40 … 1.019 @160",
        claims=(
            Band("lyrics", 40, 1.0, 1.06),
            _analects(40, 1.193, 1.65),
        ),
    ),
    "lstm-2-layers": _concise(
        "nn.LSTM of two layers, Adam",
        _deep(2),
        published="1.025–12.84 @40 … 1.011–1.016 @160",
        claims=(
            Band("lyrics", 40, 1.0, 1.5),  # the 12.84 of one write-up was a slow start
            _analects(40, 1.52, 13),
        ),
    ),
    "lstm-6-layers": _concise(
        "nn.LSTM of six layers, Adam: too deep to train so",
        _deep(6),
        published="276.8 @40 … 275.7 @160",
        claims=(Band("lyrics", 40, 265, 285), OnlyUnigram(40, 0.05)),
    ),
    "bigru-concise": _concise(
        "nn.GRU both ways, Adam: the backward pass has seen the answer",
        jaxrnn.bidirectional(_gru),
        published="1.00054 @40 … 1.00006 @160",
        claims=(
            Band("lyrics", 40, 1.0, 1.001),
            _analects(40, 1.0, 1.004),
            Periodic(40, 2, "it has only learnt to copy the next character, which is not there"),
        ),
    ),
    "tm-rnn-scratch": _time_machine(
        "vanilla RNN of 512",
        jaxrnn.unroll(jaxrnn.vanilla(512, initializer=_small)),
        _small,
        "1.05 (1.04–1.22)",
        _band(1.0, 1.25),
        _moby_dick(4.74, 6.31),
    ),
    "tm-rnn-random": _time_machine(
        "vanilla RNN of 512, the carry zeroed at every minibatch",
        jaxrnn.unroll(jaxrnn.vanilla(512, initializer=_small)),
        _small,
        "1.40 (1.31–1.67)",
        _band(1.25, 1.75),
        _moby_dick(5.27, 6.93),
        restart="minibatch",
    ),
    "tm-rnn-concise": _time_machine(
        "nn.RNN",
        jaxrnn.unroll(_rnn),
        _torch,
        "1.29 (1.26–1.38)",
        _band(1.15, 1.45),
        _moby_dick(1.81, 2.11),
    ),
    "tm-gru-scratch": _time_machine(
        "GRU, reset before the product",
        jaxrnn.unroll(jaxrnn.gru(256, "before", initializer=_small)),
        _small,
        "1.05 (1.05–1.32)",
        _band(1.0, 1.3),
        _moby_dick(6.18, 8.11),
    ),
    "tm-gru-concise": _time_machine(
        "nn.GRU",
        jaxrnn.unroll(_gru),
        _torch,
        "1.03 (1.03–1.07)",
        _band(1.0, 1.1),
        _moby_dick(5.03, 6.67),
    ),
    "tm-lstm-scratch": _time_machine(
        "LSTM",
        jaxrnn.unroll(jaxrnn.lstm(256, initializer=_small)),
        _small,
        "1.11 (1.11–1.39)",
        _band(1.05, 1.4),
        _moby_dick(6.93, 9.22),
    ),
    "tm-lstm-concise": _time_machine(
        "nn.LSTM",
        jaxrnn.unroll(_lstm),
        _torch,
        "1.04 (1.04–1.33)",
        _band(1.0, 1.2),
        _moby_dick(5.41, 7.19),
    ),
}

PREFIXES = {
    "lyrics": ("分开", "不分开"),
    "analects": ("子曰", "君子"),
    "time_machine": ("time traveller", "traveller"),
    "moby_dick": ("call me", "the whale"),
}


def find(name: str) -> Preset:
    """The preset of that name, or UnknownPreset with the nearest name."""
    if name in PRESETS:
        return PRESETS[name]
    near = difflib.get_close_matches(name, PRESETS, n=1, cutoff=0.0)[0]
    raise UnknownPreset(f"no preset {name!r}; did you mean {near!r}? --list shows all.")
