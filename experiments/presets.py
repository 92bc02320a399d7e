"""The runs of the seeds (*Dive into Deep Learning*'s recurrent chapters): every one its settings
and a claim. And settings to begin with for each cell."""

from __future__ import annotations

import difflib
import sys
from dataclasses import dataclass
from typing import Any, Final, get_args

from claims import Band, Claim, OnlyUnigram, Periodic
from settings import Cell, Settings

import jaxrnn

CUT: Final = 10_000
"""Tokens that a preset takes of the seeds' texts."""


class UnknownPreset(ValueError):
    """No preset and no cell of that name; the sentence tells the nearest."""


@dataclass(frozen=True)
class Preset:
    """How to train one model, and what is claimed of it."""

    summary: str
    settings: Settings
    every: int  # epochs between two printed lines
    claims: tuple[Claim, ...] = ()
    published: str = ""  # what the write-ups or the book print, on the lyrics or the Time Machine
    fallback: str | None = None  # the corpus to take where its own is not at hand
    cut: int = CUT  # of its own texts


_SEEDS = Settings().with_(sampling="consecutive", num_steps=35)
_torch: Final = {
    "recurrent_bias": True,
    "initializer": "pytorch_uniform",
    "head": "pytorch_uniform",
}
_small: Final = {"initializer": "small_normal", "head": "small_normal"}


def _scratch(
    summary: str, claims: tuple[Claim, ...], published: str, every: int = 40, **changes: Any
) -> Preset:
    """Weights N(0, 0.01²), biases zero, plain SGD at rate 100."""
    fields = {"optimizer": "sgd", "learning_rate": 100.0, "clip": 0.01, "epochs": 160, **_small}
    return Preset(summary, _SEEDS.with_(**{**fields, **changes}), every, claims, published)


def _concise(
    summary: str, claims: tuple[Claim, ...], published: str, every: int = 40, **changes: Any
) -> Preset:
    """PyTorch's layers and their initialisation, with Adam."""
    fields = {"learning_rate": 0.01, "clip": 0.01, "epochs": 160, **_torch}
    return Preset(summary, _SEEDS.with_(**{**fields, **changes}), every, claims, published)


def _time_machine(
    summary: str, claims: tuple[Claim, ...], published: str, **changes: Any
) -> Preset:
    """Plain SGD at rate 1, clipped at 1, on the Time Machine (else on Moby Dick)."""
    fields = {
        "corpus": "time_machine",
        "sampling": "consecutive-offset",
        "optimizer": "sgd",
        "learning_rate": 1.0,
        "epochs": 500,
    }
    settings = _SEEDS.with_(**{**fields, **changes})
    return Preset(summary, settings, 10, claims, f"{published} @500", fallback="moby_dick")


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
        (Band("lyrics", 250, 1.1, 1.7), _analects(250, 1.94, 2.35)),
        "70.0 @50 … 1.30 @250",
        every=50,
        cell="vanilla",
        sampling="random",
        epochs=250,
    ),
    "rnn-concise": _concise(
        "nn.RNN, Adam",
        (Band("lyrics", 250, 1.0, 1.06), _analects(250, 1.047, 1.122)),
        "10.7 @50 … 1.021 @250",
        every=50,
        cell="vanilla",
        learning_rate=0.001,
        epochs=250,
    ),
    "gru-scratch": _scratch(
        "GRU, reset before the product, SGD",
        (Band("lyrics", 40, 127, 172), Band("lyrics", 160, 1.0, 2.3), _analects(160, 3.78, 5.06)),
        "149.5 @40 … 1.44 @160",
        cell="gru",
        reset="before",
    ),
    "gru-scratch-after": _scratch(
        "GRU, reset after the product, no recurrent bias, SGD",
        (Band("lyrics", 40, 127, 172), Band("lyrics", 160, 1.0, 1.7), _analects(160, 2.79, 3.69)),
        "149.3 @40 … 1.43 @160",
        cell="gru",
        recurrent_bias=False,
    ),
    "gru-concise": _concise(
        "nn.GRU, Adam",
        (Band("lyrics", 40, 1.0, 1.05), _analects(40, 1.026, 1.5)),
        "1.016–1.023 @40",
        cell="gru",
    ),
    "lstm-scratch": _scratch(
        "LSTM, SGD",
        (Band("lyrics", 160, 2.5, 8.0), _analects(160, 7.28, 10.6)),
        "211 @40 … 4.27 @160",
    ),
    "lstm-concise": _concise(
        "nn.LSTM, Adam",
        (Band("lyrics", 40, 1.0, 1.06), _analects(40, 1.193, 1.65)),
        "1.022 @40 … 1.019 @160",
    ),
    "lstm-2-layers": _concise(
        "nn.LSTM of two layers, Adam",
        # the 12.84 of one write-up was a slow start
        (Band("lyrics", 40, 1.0, 1.5), _analects(40, 1.52, 13)),
        "1.025–12.84 @40 … 1.011–1.016 @160",
        layers=2,
    ),
    "lstm-6-layers": _concise(
        "nn.LSTM of six layers, Adam: too deep to train so",
        (Band("lyrics", 40, 265, 285), OnlyUnigram(40, 0.05)),
        "276.8 @40 … 275.7 @160",
        layers=6,
    ),
    "lstm-6-layers-fixed": _concise(
        "nn.LSTM of six layers, each but the first beside what it reads, Adam",
        (_analects(40, 1.015, 25.5),),
        "–",
        layers=6,
        residual=True,
    ),
    "bigru-concise": _concise(
        "nn.GRU both ways, Adam: the backward pass has seen the answer",
        (
            Band("lyrics", 40, 1.0, 1.001),
            _analects(40, 1.0, 1.004),
            Periodic(40, 2, "it has only learnt to copy the next character, which is not there"),
        ),
        "1.00054 @40 … 1.00006 @160",
        cell="gru",
        bidirectional=True,
    ),
    "tm-rnn-scratch": _time_machine(
        "vanilla RNN of 512",
        (_band(1.0, 1.25), _moby_dick(4.74, 6.31)),
        "1.05 (1.04–1.22)",
        cell="vanilla",
        hidden_size=512,
        **_small,
    ),
    "tm-rnn-random": _time_machine(
        "vanilla RNN of 512, the carry zeroed at every minibatch",
        (_band(1.25, 1.75), _moby_dick(5.27, 6.93)),
        "1.40 (1.31–1.67)",
        cell="vanilla",
        hidden_size=512,
        restart="minibatch",
        **_small,
    ),
    "tm-rnn-concise": _time_machine(
        "nn.RNN",
        (_band(1.15, 1.45), _moby_dick(1.81, 2.11)),
        "1.29 (1.26–1.38)",
        cell="vanilla",
        **_torch,
    ),
    "tm-gru-scratch": _time_machine(
        "GRU, reset before the product",
        (_band(1.0, 1.3), _moby_dick(6.18, 8.11)),
        "1.05 (1.05–1.32)",
        cell="gru",
        reset="before",
        **_small,
    ),
    "tm-gru-concise": _time_machine(
        "nn.GRU",
        (_band(1.0, 1.1), _moby_dick(5.03, 6.67)),
        "1.03 (1.03–1.07)",
        cell="gru",
        **_torch,
    ),
    "tm-lstm-scratch": _time_machine(
        "LSTM",
        (_band(1.05, 1.4), _moby_dick(6.93, 9.22)),
        "1.11 (1.11–1.39)",
        **_small,
    ),
    "tm-lstm-concise": _time_machine(
        "nn.LSTM",
        (_band(1.0, 1.2), _moby_dick(5.41, 7.19)),
        "1.04 (1.04–1.33)",
        **_torch,
    ),
}


def _told(cell: str) -> str:
    """What the cell's own file says that it is."""
    told = sys.modules[jaxrnn.cells.CELLS[cell].__module__].__doc__ or cell
    return told.splitlines()[0].rstrip(".").replace("The ", "the ", 1)


_SLOWER = ("vanilla", "indrnn")  # learning rates that their unbounded gradients bear

CELLS: dict[str, Preset] = {
    cell: Preset(
        _told(cell),
        Settings().with_(cell=cell, **({"learning_rate": 0.001} if cell in _SLOWER else {})),
        every=1,
        cut=0,
    )
    for cell in get_args(Cell)
}
"""Settings to begin with, on a text of one's own: nothing is claimed of these."""

PREFIXES = {
    "lyrics": ("分开", "不分开"),
    "analects": ("子曰", "君子"),
    "time_machine": ("time traveller", "traveller"),
    "moby_dick": ("call me", "the whale"),
    "tiny_shakespeare": ("ROMEO:", "To be, "),
}


def find(name: str) -> Preset:
    """The preset of that name, or of that cell; UnknownPreset with the nearest name."""
    known = {**PRESETS, **CELLS}
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]
    raise UnknownPreset(f"no preset {name!r}; did you mean {near!r}? --list shows all.")
