"""Generated structures from anywhere: our sample folders, CSV files, folders of CIFs, extxyz."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ase.io import iread
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor

from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.foundation.messages import notify
from epitaxy.apps.foundation.progress import Progress, silent
from epitaxy.apps.sampling.output_folder import SUMMARY, read_summary
from epitaxy.apps.sampling.writers import SAMPLES
from epitaxy.data import Record, read_structures
from epitaxy.eval.dng import LARGEST_CELL


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictions:
    """Structures by the id they are candidates for, in order; None for one that could not be read or made.

    Attributes:
        by_id: the candidates of each id.
        asked: the ids that sampling was asked for, where ``samples.json`` says; None elsewhere.
        reasons: why a candidate is None, by its id and place.
        summary: ``samples.json``; None where there is none.
    """

    by_id: Mapping[str, Sequence[Structure | None]]
    asked: tuple[str, ...] | None = None
    reasons: Mapping[tuple[str, int], str] = field(default_factory=dict)
    summary: Mapping[str, Any] | None = None

    def flat(self) -> dict[str, Structure | None]:
        """Return every structure under a name of its own."""
        return {
            self._name(name, k): structure
            for name, group in self.by_id.items()
            for k, structure in enumerate(group)
        }

    def rejects(self) -> dict[str, str]:
        """Return why a structure is missing, by the names that :meth:`flat` gives."""
        return {self._name(name, k): reason for (name, k), reason in self.reasons.items()}

    def _name(self, name: str, k: int) -> str:
        return name if len(self.by_id[name]) == 1 else f"{name}/{k}"


def read_predictions(path: str, *, repeated: bool = True, progress: Progress = silent) -> Predictions:
    """Read structures; unreadable records and samples that sampling rejected become None.

    Several structures of one id are candidates for it, in their order, unless not ``repeated``. What else is
    not read, as files of other kinds and columns, is said.

    Raises:
        UsageError: nothing there.
        DataError: a file that cannot be read at all.
    """
    folder = Path(path)
    if not folder.exists():
        raise UsageError(f"{path}: there is no such file or folder")
    summary = read_summary(folder) if folder.is_dir() else None
    if summary is not None:
        return _read_own(folder / SAMPLES, summary)
    groups: dict[str, list[Structure | None]] = defaultdict(list)
    reasons: dict[tuple[str, int], str] = {}
    notes: list[str] = []
    records = read_structures(folder, max_atoms=LARGEST_CELL, repeated=repeated, notes=notes)
    for number, record in enumerate(records, start=1):
        if not isinstance(record, Record):
            reasons[record.id, len(groups[record.id])] = record.reason
        else:
            record.structure.properties |= record.properties
        groups[record.id].append(record.structure if isinstance(record, Record) else None)
        progress(number, None, "records")
    for note in notes:
        notify(f"{path}: {note}")
    if not groups:
        raise UsageError(f"{path}: there is no structure in it")
    return Predictions(by_id=groups, reasons=reasons)


def _read_own(file: Path, summary: Mapping[str, Any]) -> Predictions:
    """Put written and rejected samples back into the order in which they were asked for.

    Raises:
        UsageError: the files do not belong together, or are damaged.
    """
    try:
        return _put_back(file, summary)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OSError) as error:
        raise UsageError(
            f"{file.parent}: {SUMMARY} and {SAMPLES} do not belong together or are damaged "
            f"({type(error).__name__}: {error}): sample again"
        ) from error


def _put_back(file: Path, summary: Mapping[str, Any]) -> Predictions:
    rejected = {entry["number"]: entry for entry in summary["rejected"]}
    written = iread(file, format="extxyz") if file.stat().st_size else iter(())
    groups: dict[str, list[Structure | None]] = {name: [] for name in summary["ids"]}
    reasons: dict[tuple[str, int], str] = {}
    for number in range(summary["written"] + len(rejected)):
        if number in rejected:
            name = rejected[number]["id"]
            reasons[name, len(groups[name])] = f"rejected by sampling: {rejected[number]['reason']}"
            groups[name].append(None)
        else:
            atoms = next(written, None)
            if atoms is None:
                raise UsageError(
                    f"{file} ends after {number} structures, and {SUMMARY} tells of more: sample again"
                )
            groups[str(atoms.info["id"])].append(AseAtomsAdaptor.get_structure(atoms))
    if next(written, None) is not None:
        raise UsageError(f"{file} has more structures than {SUMMARY} tells of: sample again")
    return Predictions(by_id=groups, asked=tuple(summary["ids"]), reasons=reasons, summary=summary)
