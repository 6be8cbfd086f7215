"""The folder of a search: whose it is, what was proposed, how much time was spent."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from epitaxy.apps.discovery.proposals.proposal import Proposal, Proposer
from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.foundation.files import write_text

ASKED, STATE = "search.json", "state"

Identity = Mapping[str, Any]
"""All that a search's candidates depend on beside the time: plain JSON values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What a search has spent.

    Attributes:
        seconds: of wall-clock time.
        taken: proposals that were looked at.
    """

    seconds: float = 0.0
    taken: int = 0


@dataclass(frozen=True, slots=True)
class State:
    """What a search has done so far, in its folder.

    Attributes:
        out: the folder of the results.
    """

    out: Path

    @property
    def folder(self) -> Path:
        """Where what is needed to go on is kept."""
        return self.out / STATE

    def spent(self) -> Spent:
        """Return what earlier starts have spent."""
        try:
            found = json.loads((self.folder / "spent.json").read_text())
            return Spent(seconds=float(found["seconds"]), taken=int(found["taken"]))
        except (OSError, ValueError, KeyError, TypeError):
            return Spent()

    def spend(self, spent: Spent) -> None:
        """Remember what was spent in all."""
        write_text(self.folder / "spent.json", json.dumps(asdict(spent)) + "\n")

    def batch(self, proposer: Proposer, number: int) -> Sequence[Proposal] | None:
        """Return a batch of proposals: as it was kept, or made now and kept."""
        file = self.folder / "proposals" / f"{_plain(proposer.name)}-{number:05d}.json"
        try:
            records = json.loads(file.read_text(encoding="utf-8"))
            return None if records is None else [Proposal.from_json(record) for record in records]
        except (OSError, ValueError, KeyError, TypeError):  # not there, or damaged: it can be made again
            pass
        made = proposer.batch(number)
        write_text(file, json.dumps(None if made is None else [one.to_json() for one in made]) + "\n")
        return made


@contextmanager
def claimed(out: Path, identity: Identity) -> Iterator[State]:
    """Hold a search's folder as long as the context lasts.

    Raises:
        UsageError: the folder holds something else, or another process searches there.
    """
    check_folder(out, identity)
    (out / STATE).mkdir(parents=True, exist_ok=True)
    lock = FileLock(out / STATE / "lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UsageError(f"--out {out}: another process is searching there; choose another folder") from None
    except (OSError, NotImplementedError):  # a file system without locks: then it is the user who takes care
        pass
    try:
        write_text(out / ASKED, json.dumps(dict(identity), indent=1) + "\n")
        yield State(out)
    finally:
        lock.release()


def check_folder(out: Path, identity: Identity) -> None:
    """Refuse a folder that holds anything but this very search.

    Raises:
        UsageError: with what it holds.
    """
    if not out.is_dir() or not any(out.iterdir()):
        return
    if not (out / ASKED).is_file():
        if [entry.name for entry in out.iterdir()] == [STATE]:  # killed before it could say whose it is
            return
        raise UsageError(f"--out {out} is not empty and holds no search: choose another folder")
    try:
        found = json.loads((out / ASKED).read_text(encoding="utf-8"))
        differing = [name for name in identity if found.get(name) != identity[name]]
    except (OSError, ValueError, AttributeError) as error:
        raise UsageError(f"{out / ASKED} is damaged ({error}): choose another folder") from error
    if "question" in differing:
        raise UsageError(f"--out {out} holds a search for {found.get('question')}: choose another folder")
    if differing:
        raise UsageError(
            f"--out {out} holds a search with other settings ({', '.join(differing)}): repeat its words to "
            "go on, or choose another folder"
        )


def _plain(name: str) -> str:
    """Return a name that files may have: a model may be a path."""
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in name)
