"""A run's folder, read to be looked at: all that is whole, and a sentence for what is not."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Record = dict[str, Any]
LARGEST = 1e150  # what is larger is taken for not finite, for ratios and squares of it are not


@dataclass(frozen=True)
class Run:
    """metrics[n] is of epoch epochs[n]; timings has the last of what was written for an epoch."""

    path: Path
    config: Record
    epochs: list[int]
    metrics: list[Record]
    timings: dict[int, Record]
    samples: list[Record]
    notes: list[str]  # what of it is missing or damaged
    inside: Record  # of insight.json, which a run has once it is finished

    @property
    def name(self) -> str:
        """What was trained; the folder's name where it is not told."""
        told = self.config.get("name") or self.config.get("preset")
        return told if isinstance(told, str) else self.label

    @property
    def label(self) -> str:
        return self.path.resolve().name or str(self.path)

    def column(self, key: str) -> list[float]:
        """A number an epoch, nan where it is null or not told."""
        return [
            number(record.get(key, self.timings.get(epoch, {}).get(key)))
            for epoch, record in zip(self.epochs, self.metrics, strict=True)
        ]

    def told(self, *keys: str) -> Any:
        """config[key][key]…, None where there is none."""
        value: Any = self.config
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return value


def read(path: Path) -> Run:
    """The run in the folder `path`. ValueError where it is no folder, or holds no run."""
    if not path.is_dir():
        raise ValueError(f"{path} is no folder of a run.")
    if not any((path / name).exists() for name in ("config.json", "metrics.jsonl")):
        raise ValueError(f"{path} holds no run: it has no config.json and no metrics.jsonl.")
    notes: list[str] = []
    metrics = _lines(path / "metrics.jsonl", _is_epoch, notes)
    timings = _lines(path / "timings.jsonl", _is_timing, notes, needed=False)
    samples = _lines(path / "samples.jsonl", _is_sample, notes, needed=False)
    config = _config(path / "config.json", notes)
    epochs = [record.get("epoch", n) for n, record in enumerate(metrics, 1)]
    if not metrics:
        notes.append("No epoch is finished yet.")
    by_epoch = {record["epoch"]: record for record in timings}
    return Run(path, config, epochs, metrics, by_epoch, samples, notes, _inside(path))


def number(value: Any) -> float:
    """The value as a float, nan where it is no finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    if not -LARGEST <= value <= LARGEST:
        return math.nan
    return float(value) if abs(value) >= 1 / LARGEST else 0.0


def _lines(
    path: Path, valid: Callable[[Any], bool], notes: list[str], needed: bool = True
) -> list[Record]:
    """The records of a file of JSON lines. A last line that the end of a process cut short is left
    out, and so is one that is no record, and `notes` says so."""
    try:
        *lines, last = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        notes.extend([f"{path.name} is not there."] * needed)
        return []
    parsed = [_parsed(line) for line in lines]
    tail = _parsed(last) if last else None
    if last and tail is None:
        notes.append(f"The last line of {path.name} is cut short and is left out.")
    records = [*parsed, tail] if tail is not None else parsed
    bad = [n for n, record in enumerate(records, 1) if not valid(record)]
    if bad:
        more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
        notes.append(f"Line {bad[0]}{more} of {path.name} is damaged and is left out.")
    return [record for record in records if valid(record)]


def _config(path: Path, notes: list[str]) -> Record:
    try:
        config = _parsed(path.read_bytes())
    except FileNotFoundError:
        notes.append("config.json is not there.")
        return {}
    if not isinstance(config, dict) or _is_deep(config):
        notes.append("config.json is damaged: what was trained is not known.")
        return {}
    return config


def _inside(path: Path) -> Record:
    """What insight.json holds; nothing where it is not there, or no such file."""
    try:
        told = _parsed((path / "insight.json").read_bytes())
    except OSError:
        return {}
    return told if isinstance(told, dict) else {}


def _parsed(data: bytes) -> Any:
    """The JSON, None where it is none."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _is_deep(value: Any) -> bool:
    """Whether it is nested twenty times, which no configuration is."""
    level = [value]
    for _ in range(20):
        dicts = [inner for v in level if isinstance(v, dict) for inner in v.values()]
        level = dicts + [inner for v in level if isinstance(v, list) for inner in v]
    return bool(level)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < LARGEST


def _is_epoch(record: Any) -> bool:
    if not isinstance(record, dict) or "perplexity" not in record:
        return False
    seen = record["perplexity"]
    known = seen is None or (isinstance(seen, int | float) and not isinstance(seen, bool))
    return known and _is_whole(record.get("epoch", 1))


def _is_timing(record: Any) -> bool:
    return isinstance(record, dict) and _is_whole(record.get("epoch"))


def _is_sample(record: Any) -> bool:
    return (
        isinstance(record, dict)
        and _is_whole(record.get("epoch"))
        and isinstance(record.get("text"), str)
        and isinstance(record.get("prefix", ""), str)
    )
