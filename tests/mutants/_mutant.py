"""What a mutant is, and how it is put into the source."""

from __future__ import annotations

from typing import NamedTuple


class Mutant(NamedTuple):
    """One thing broken: `old` in `file` becomes `new`. `at` is which of how many occurrences."""

    name: str
    what: str
    file: str  # relative to jaxrnn/
    old: str
    new: str
    at: tuple[int, int] = (1, 1)
    why_equivalent: str = ""

    def put_into(self, source: str) -> str:
        which, of = self.at
        found = source.count(self.old)
        if found != of:
            raise LookupError(
                f"mutant {self.name}: {self.old!r} occurs {found} times in {self.file}, not {of}."
            )
        parts = source.split(self.old)
        halves = (self.old.join(part) for part in (parts[:which], parts[which:]))
        return self.new.join(halves)


class Group(NamedTuple):
    """Mutants, and the tests that must notice them: ids, those that notice most and cost least
    first. `options` are pytest's own."""

    name: str
    tests: tuple[str, ...]
    mutants: tuple[Mutant, ...]
    options: tuple[str, ...] = ()


def laws(layers: str, names: str) -> tuple[str, ...]:
    """The ids of these laws on these layers of the table, both given as words."""
    return tuple(
        f"tests/test_laws.py::test_law[{layer}-{name}]"
        for name in names.split()
        for layer in layers.split()
    )


def tests(file: str, names: str) -> tuple[str, ...]:
    """The ids of tests of one file; one name a line, for parameters have spaces."""
    return tuple(f"tests/{file}::{name.strip()}" for name in names.strip().splitlines())
