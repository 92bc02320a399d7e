"""What a result must say of where it was taken; and files that are whole or not there."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = Path(__file__).resolve().parent / "results"
FLAGS = (
    *("XLA_FLAGS", "JAX_", "OMP_", "MKL_", "OPENBLAS_", "KMP_", "GOMP_", "ATEN_"),
    *("LD_PRELOAD", "MALLOC_", "GLIBC_TUNABLES"),
)


def describe() -> dict[str, Any]:
    return {
        "cpu": cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "instructions": _instructions(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "commit": _commit(),
        "load": os.getloadavg(),
        "time": time.strftime("%Y-%m-%d %H:%M:%S %Z"),
        "flags": {k: v for k, v in os.environ.items() if k.startswith(FLAGS)},
    }


def _cpuinfo(field: str) -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == field:
            return value.strip()
    return ""


def cpu_model() -> str:
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def _instructions() -> list[str]:
    telling = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "sve")
    have = (_cpuinfo("flags") or _cpuinfo("Features")).split()
    return [name for name in telling if name in have]


def _commit() -> str:
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def environment() -> dict[str, str]:
    """Of every process that is measured."""
    return {**os.environ, "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)}


def write_whole(path: Path, content: str) -> None:
    """All of it or nothing, whatever ends this process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_text(content, encoding="utf-8")
    os.replace(part, path)


def write_json(path: Path, content: Any) -> None:
    """Indented, but lists of numbers on one line."""
    spread = json.dumps(content, indent=1, ensure_ascii=False)
    packed = re.sub(
        r"\[[-+.\deE,\s]+\]", lambda m: "[" + " ".join(m[0][1:-1].split()) + "]", spread
    )
    write_whole(path, packed + "\n")
