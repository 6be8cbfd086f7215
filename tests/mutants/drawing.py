"""Which mutants are tried, in which order: a seeded draw that gives every module the same share."""

import difflib
import hashlib
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mutations import changed, places


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A module with one place changed.

    Attributes:
        module: its path in the repository.
        operator: what was done to it.
        line: the line as it was, blanks at its ends taken off.
        becomes: the line as it is now.
        source: the whole changed module.
        diff: what changed, as `diff -u` has it.

    """

    module: str
    operator: str
    line: str
    becomes: str
    source: str
    diff: str

    @property
    def digest(self) -> str:
        """The name under which its fate is kept: it changes with the module and with the mutation."""
        return hashlib.sha256(f"{self.module}\0{self.source}".encode()).hexdigest()


def mutant(module: str, source: str, operator: str, place: int) -> Mutant | None:
    """Make one mutant; None where the place gives none."""
    result = changed(source, operator, place)
    if result is None:
        return None
    before, after = source.splitlines(), result.splitlines()
    first = next((i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), 0)
    diff = "\n".join(difflib.unified_diff(before, after, module, f"{module} ({operator})", lineterm="", n=1))
    line, becomes = before[first].strip(), after[first].strip()
    return Mutant(module=module, operator=operator, line=line, becomes=becomes, source=result, diff=diff)


def mutants_of(module: str, source: str, seed: int) -> Iterator[Mutant]:
    """Yield a module's mutants, each once, in the order that the seed gives."""
    order = places(source)
    random.Random(f"{seed}:{module}").shuffle(order)
    seen: set[str] = set()
    for operator, place in order:
        one = mutant(module, source, operator, place)
        if one is not None and one.digest not in seen:
            seen.add(one.digest)
            yield one


def draw(root: Path, modules: Iterable[str], seed: int) -> Iterator[Mutant]:
    """Yield the modules' mutants in turn, one of each at a time, until none is left."""
    streams = [mutants_of(module, (root / module).read_text(), seed) for module in modules]
    while streams:
        going = []
        for stream in streams:
            one = next(stream, None)
            if one is not None:
                yield one
                going.append(stream)
        streams = going
