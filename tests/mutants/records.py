"""What became of each mutant, kept between runs in one small SQLite file."""

import hashlib
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, cast

Fate = Literal["killed", "survived", "timed out"]


class Records:
    """Fates by content: of the mutated module, and for a survivor of the tests that it survived too.

    A kill is kept when tests change (they are never weakened here); a survivor is tried again.

    Args:
        path: the file; made with its folder if missing.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._base = sqlite3.connect(path)
        self._base.execute(
            "CREATE TABLE IF NOT EXISTS fates"
            " (mutant TEXT, tests TEXT, fate TEXT, PRIMARY KEY (mutant, tests))"
        )

    def fate(self, mutant: str, tests: str) -> Fate | None:
        """Return what is known of a mutant under these tests."""
        rows = self._base.execute("SELECT tests, fate FROM fates WHERE mutant = ?", (mutant,)).fetchall()
        for told, fate in rows:
            if told == tests or fate == "killed":
                return cast(Fate, fate)
        return None

    def first(self, mutant: str) -> Fate | None:
        """Return the mutant's first fate, under whatever tests there were."""
        row = self._base.execute(
            "SELECT fate FROM fates WHERE mutant = ? ORDER BY rowid", (mutant,)
        ).fetchone()
        return None if row is None else cast(Fate, row[0])

    def keep(self, mutant: str, tests: str, fate: Fate) -> None:
        """Write a fate down, at once."""
        with self._base:
            self._base.execute("INSERT OR REPLACE INTO fates VALUES (?, ?, ?)", (mutant, tests, fate))


def digest(root: Path, files: Iterable[str]) -> str:
    """Return a hash of the files' contents, in their order."""
    total = hashlib.sha256()
    for name in files:
        total.update(name.encode() + b"\0" + (root / name).read_bytes() + b"\0")
    return total.hexdigest()
