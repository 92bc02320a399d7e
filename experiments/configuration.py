"""What config.json says of a run."""

from __future__ import annotations

import contextlib
import datetime
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from experiment import Experiment

import jaxrnn


def config(e: Experiment) -> dict[str, Any]:
    """All that is needed to run it again, or to know what differed."""
    s, (ids, vocabulary) = e.settings, (e.encoded.ids, e.encoded.vocab)
    corpus = {name: getattr(e.corpus, name) for name in ("name", "source", "sha1")}
    packages = ("jaxrnn", "jax", "jaxlib", "flax", "optax", "numpy", "orbax-checkpoint")
    return {
        "name": e.name,
        **s.plain(),
        "model": jaxrnn.describe(e.model),
        "parameters": e.parameters,
        "corpus": corpus
        | {
            "recipe": e.recipe,
            "unit": vocabulary.unit,
            "tokens": len(ids),
            "whole": e.whole,
            "vocabulary": len(vocabulary),
            "unigram_perplexity": e.unigram_perplexity(),
        },
        "prefixes": list(e.prefixes),
        "claims": list(map(str, e.preset.claims if e.as_claimed else ())),
        "dtype": str(jnp.result_type(float)),
        "device": jax.devices()[0].device_kind,
        "devices": jax.device_count(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in packages},
        "git": _commit(),
        "command": ["python", *sys.argv],
        "started": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
    }


def _commit() -> str | None:
    """The commit of the code that runs, where git knows it."""
    words = ["git", "rev-parse", "HEAD"]
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(
            words, cwd=Path(__file__).parent, capture_output=True, text=True, timeout=5, check=True
        )
        return done.stdout.strip()
    return None
