"""The platform that a program is traced for: where a CPU wants other forms than a GPU or TPU.

It is that of JAX's default device, unless a program is compiled for a platform that is not here.
The choice is part of the key of `jax.jit`'s cache, as JAX's own settings are.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import jax

Platform = Literal["cpu", "gpu", "cuda", "rocm", "tpu"]
PLATFORMS = get_args(Platform)
_asked: Any = jax.make_user_context(None)


def traced_for(platform: Platform | str) -> Any:
    """``with traced_for("cuda"):`` traces programs for that platform, wherever it is: ``"cpu"``,
    ``"gpu"``, ``"cuda"``, ``"rocm"`` or ``"tpu"``, else ValueError.

    >>> from jaxrnn import engine
    >>> with engine.traced_for("gpu"):
    ...     engine.choose(jaxrnn.mingru(5), input_size=3).path
    'associative'
    """
    if platform not in PLATFORMS:
        raise ValueError(f"a program is traced for one of {PLATFORMS}, not for {platform!r:.60}.")
    return _asked(platform)


def platform() -> str:
    config: Any = jax.config
    device = config.jax_default_device
    here = device if isinstance(device, str) else getattr(device, "platform", None)
    return _asked.value or here or jax.default_backend()


def is_cpu() -> bool:
    return platform() == "cpu"


def is_gpu() -> bool:
    return platform() in ("gpu", "cuda", "rocm")


def is_tpu() -> bool:
    return platform() == "tpu"
