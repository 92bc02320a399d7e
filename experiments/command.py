"""What every command here has in common: how it prints, fails and ends.

Exit status: 0 done, 2 bad input or a file that cannot be read or written (one sentence on standard
error says which), 130 interrupted; any other is the command's own.

Output is only a window on the work. Characters that it cannot show become `?`. Where its reader
goes away (`| head`), the work goes on to its end, quietly; where it cannot be written for another
reason (a full disk), too, and the status is 2.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn


def run(work: Callable[[], int]) -> NoReturn:
    """Exit with the status of `work()`, or with 2 and its error as one sentence."""
    name = Path(sys.argv[0]).stem
    out, err = _windows()
    try:
        status = work()
    except SystemExit as end:  # tyro's, after --help or a word that it does not know
        status = end.code
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        status = _refuse(name, f"{where}{error.strerror or error}.")
    except ValueError as error:
        status = _refuse(name, str(error))
    except KeyboardInterrupt:
        print(f"{name}: interrupted; what was finished is written", file=err)
        status = 130
    out.flush()
    if out.lost and not isinstance(out.lost, BrokenPipeError):
        status = _refuse(name, f"standard output cannot be written: {out.lost.strerror}.")
    sys.exit(status)


def words() -> list[str]:
    """The command line."""
    return sys.argv[1:]


def parse(kind: Any, line: Sequence[str] | None = None, **given: Any) -> Any:
    """What a command line says, by tyro; ValueError in one sentence for what it cannot say."""
    import tyro

    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            flat = (tyro.conf.OmitArgPrefixes,)  # groups are for --help alone
            line = words() if line is None else [*line]
            return tyro.cli(kind, args=line, config=flat, **given)
    except SystemExit as end:
        if end.code:
            raise ValueError(_sentence(said.getvalue())) from None
        raise


def _sentence(box: str) -> str:
    """What tyro says in a box, which has its title in the frame or, in ASCII, in a part of its own:
    its first part, and the option that it takes for the one meant."""
    lines = [line.strip().strip("│╭╮╰╯").strip() for line in box.splitlines()]
    parts = re.split(r"\n.*[-─]{5,}", "\n" + "\n".join(lines))
    told = [" ".join(part.split()) for part in parts if part.strip()]
    told = (told[0] if "╭" in box else told[1]).rstrip(".")
    near = re.search(r"Perhaps you meant:?\W+(--[\w-]+)", box)
    return f"{told}; did you mean {near[1]}?" if near else f"{told}; --help shows all."


def _refuse(name: str, sentence: str) -> int:
    """On one line, of a length to read, whatever it quotes."""
    line = " ".join(sentence.split())
    line = line if len(line) <= 1000 else f"{line[:600]} … {line[-300:]}"
    print(f"{name}: {line}", file=sys.stderr)
    return 2


class Window(io.TextIOWrapper):
    """A text stream that nobody has to read: after the first error, `lost`, it leads nowhere."""

    lost: OSError | None = None

    def write(self, text: str) -> int:
        with self._trying():
            super().write(text)
        return len(text)

    def flush(self) -> None:
        with self._trying():
            super().flush()

    @contextlib.contextmanager
    def _trying(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.lost = self.lost or error
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())


def _windows() -> Iterator[Window]:
    """Standard output and error as windows. One that was closed (`>&-`) leads nowhere, and no file
    opened later may take its number, or JAX's own messages would be written into that file."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number
    for name, errors in (("stdout", "replace"), ("stderr", "backslashreplace")):
        old = getattr(sys, name) or os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
        now = old.line_buffering, old.write_through
        window = Window(old.detach(), old.encoding, errors, None, *now)
        setattr(sys, name, window)
        yield window
