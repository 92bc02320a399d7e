"""One worker process, seen from outside: requests out, answers in. See `benchmarks.worker`."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from typing import Any

from benchmarks.machine import ROOT, environment

FRAMEWORKS = ("jaxrnn", "torch", "flax_nnx", "flax_linen", "equinox", "haiku")


class WorkerDied(RuntimeError):
    """The process is gone; the message has its last words."""


class Failed(RuntimeError):
    """The worker could not do what was asked; the message is its exception."""


class Resident:
    """A worker of one framework, with `variables` in its environment. Ctrl-C does not reach it: it
    belongs to no terminal."""

    def __init__(self, framework: str, **variables: str):
        self.framework = framework
        with contextlib.ExitStack() as opened:
            self.stderr = opened.enter_context(tempfile.TemporaryFile("w+"))
            self.process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.worker", framework],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.stderr,
                text=True,
                cwd=ROOT,
                env={**environment(), **variables},
                start_new_session=True,
            )
            self._opened = opened.pop_all()  # until `close`
        self.hello = self._answer()

    @property
    def installed(self) -> bool:
        return "ready" in self.hello

    def ask(self, do: str, **request: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps({"do": do, **request}) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise WorkerDied(self._last_words()) from None
        answer = self._answer()
        if "error" in answer:
            raise Failed(answer["error"])
        return answer

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise WorkerDied(self._last_words())
        return json.loads(line)

    def _last_words(self) -> str:
        code = self.process.wait(timeout=10)
        self.stderr.seek(0)
        lines = self.stderr.read().strip().splitlines()[-3:]
        return f"the {self.framework} worker ended with {code}: " + " | ".join(lines)

    def close(self) -> None:
        """Close its input, which ends it; if it does not end, kill it."""
        assert self.process.stdin is not None and self.process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self._opened.close()

    def __enter__(self) -> Resident:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
