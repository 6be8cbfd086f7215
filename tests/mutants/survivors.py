"""The accepted survivors: a file that says of each why no test need see it."""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from drawing import Mutant

_KEYS = {"module", "operator", "line", "becomes", "reason"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """Mutants of one line that may live, by content: line numbers move."""

    module: str
    operator: str
    line: str
    becomes: tuple[str, ...]
    reason: str

    def covers(self, mutant: Mutant) -> bool:
        """Whether the mutant is one of these."""
        same = (mutant.module, mutant.operator, mutant.line) == (self.module, self.operator, self.line)
        return same and mutant.becomes in self.becomes


def read(path: Path) -> tuple[Accepted, ...]:
    """Read the file; it may be missing.

    Raises:
        ValueError: naming the entry, where one lacks a key, a mutant or a reason.

    """
    if not path.is_file():
        return ()
    entries = tomllib.loads(path.read_text()).get("survivor", [])
    for number, entry in enumerate(entries, 1):
        if set(entry) != _KEYS or not entry["becomes"] or not entry["reason"].strip():
            raise ValueError(
                f"{path}: survivor {number} ({entry.get('module', 'no module')}) must have "
                f"{', '.join(sorted(_KEYS))}, "
                "with at least one line that it becomes and a reason; complete it"
            )
    return tuple(Accepted(**{**entry, "becomes": tuple(entry["becomes"])}) for entry in entries)


def stale(accepted: Iterable[Accepted], root: Path, killed: Iterable[Mutant]) -> list[str]:
    """Name entries whose module or line is gone, or one of whose mutants a test now kills."""
    dead = list(killed)
    said = []
    for entry in accepted:
        module = root / entry.module
        lines = {line.strip() for line in module.read_text().splitlines()} if module.is_file() else set()
        if entry.line not in lines:
            said.append(f"{entry.module}: the line {entry.line!r} is gone; take its entry out")
        said += [
            f"{entry.module}: a test kills {one.becomes!r} now; take it out of its entry"
            for one in dead
            if entry.covers(one)
        ]
    return said


def entry(mutant: Mutant) -> str:
    """Return the words that would accept a mutant; the reason is for a person to write."""
    words = {"module": mutant.module, "operator": mutant.operator, "line": mutant.line}
    lines = [f"{key} = {_quoted(value)}" for key, value in words.items()]
    return "\n".join(["[[survivor]]", *lines, f"becomes = [{_quoted(mutant.becomes)}]", 'reason = ""'])


def _quoted(text: str) -> str:
    if "'" not in text:
        return f"'{text}'"
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
