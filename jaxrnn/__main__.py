"""``python -m jaxrnn``: `convert` weights of another library, or see the `demo`."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence

from jaxrnn import _demo
from jaxrnn.interop import _command


def main(words: Sequence[str] | None = None) -> int:
    """The status of the command that `words` name, else the command line's."""
    parser = argparse.ArgumentParser(prog="python -m jaxrnn")
    commands = parser.add_subparsers(required=True, metavar="convert | demo")
    _command.add(commands)
    _demo.add(commands)
    asked = parser.parse_args(words)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # not every encoding has all characters
    try:
        return asked.work(asked)
    except BrokenPipeError:  # its reader went away
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    raise SystemExit(main())
