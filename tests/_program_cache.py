"""Compiled programs, kept from one run to the next by JAX's persistent compilation cache.

JAX finds a program by its text, the versions of JAX's compiler, its options and XLA's flags: what
is changed is compiled. The processor is not among these, so it names the folder.
``JAX_ENABLE_COMPILATION_CACHE=0`` does without, and ``JAX_COMPILATION_CACHE_DIR`` is another place.
"""

import os
import platform
import shutil
import zlib
from importlib.metadata import version
from pathlib import Path

FAST_TO_COMPILE = ["--xla_backend_optimization_level=0"]
if version("jaxlib").startswith("0.10."):  # a flag that XLA does not know ends the process
    # A third less to compile than with the newer emitters, and than in many parts at once.
    FAST_TO_COMPILE += [
        "--xla_cpu_use_fusion_emitters=false",
        "--xla_cpu_parallel_codegen_split_count=1",
    ]

FOLDER = Path(__file__).resolve().parent.parent / ".jax_cache"
MOST = 2**30  # bytes, beyond which the folder begins anew


def settings() -> dict[str, str]:
    """What the environment must say before JAX is imported, unless it says so already: then it is
    a user's, or that of the tests which started this process."""
    if "JAX_COMPILATION_CACHE_DIR" in os.environ:
        return {}
    here = FOLDER / processor()
    try:
        if sum(path.stat().st_size for path in FOLDER.glob("*/*")) > MOST:
            shutil.rmtree(FOLDER)
        here.mkdir(parents=True, exist_ok=True)
    except OSError:  # a checkout that may only be read; or another run begins the folder anew
        return {}
    return {
        "JAX_COMPILATION_CACHE_DIR": str(here),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.2",  # to keep one takes time too
        # On some processors XLA reports an error for each program that it loads, for it takes
        # LLVM's wishes (prefer-no-gather) for instructions: openxla/xla#44565. JAX raises its own.
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }


def processor() -> str:
    """A name for what this machine's processor can execute."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        features = next(line for line in lines if line.startswith(("flags", "Features")))
    except (OSError, StopIteration):
        features = platform.processor()
    return f"{platform.machine()}-{zlib.crc32(features.encode()):08x}"
