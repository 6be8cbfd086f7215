"""``epitaxy eval molecules``: stability, validity, uniqueness and novelty of molecules."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from epitaxy.apps.evaluation.crystals import announce, divide, drawn, has_splits, short_names
from epitaxy.apps.evaluation.molecule_sections import Judged, molecule_sections
from epitaxy.apps.evaluation.publish import publish
from epitaxy.apps.evaluation.settings import Compute, Outputs, StageProgress, sentences, stages
from epitaxy.apps.foundation.checks import check_there, choose
from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.foundation.files import write_text
from epitaxy.apps.foundation.messages import notify
from epitaxy.apps.foundation.progress import reporting
from epitaxy.apps.molecules.data import load_molecules
from epitaxy.apps.report.scores import Scored
from epitaxy.apps.requests.request import TARGET
from epitaxy.apps.sampling.output_folder import read_summary
from epitaxy.data import Reject
from epitaxy.data.molecules import OVERLAP, MoleculeDataset, RawMolecule, read_molecules
from epitaxy.eval.molecules import BOND_TABLES, Molecules, evaluate_molecules, reference_smiles

MOLECULE_LIMIT = 60.0
SMILES_VERSION = 1
"""Of the training set's kept SMILES: raised when they would be others."""

_FILES = ("samples.extxyz", "samples.sdf", "samples.xyz")
"""Where a sample folder of ours has its molecules; the first has the most digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """Molecules of one split, file or folder.

    Attributes:
        molecules: those that could be read.
        rejects: why a record is not among them, by name.
        targets: what was asked of their properties, NaN where nothing was; of samples alone.
    """

    molecules: Molecules
    rejects: dict[str, str]
    targets: Mapping[str, Float64[np.ndarray, " molecules"]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MoleculeOptions:
    """What ``eval molecules`` is asked to do."""

    samples: Sequence[str]
    train: str | None
    split: str
    root: Path | None
    table: str
    limit: int | None
    compute: Compute
    outputs: Outputs


def run_molecules(options: MoleculeOptions) -> None:
    """Score molecules."""
    choose("--table", options.table, list(BOND_TABLES))
    options.outputs.check(len(options.samples))
    options.compute.check(MOLECULE_LIMIT)
    options.compute.processes()
    names = short_names(options.samples)
    train = None if options.train is None else _Training(_train(options.train, options.root), options)
    judged = [_judge(options, name, path, train) for name, path in zip(names, options.samples, strict=True)]
    publish(
        [one.scored for one in judged], options.outputs, samples=options.samples[0],
        title=f"Molecules: {', '.join(options.samples)}",
        sections=lambda: molecule_sections(judged, None if train is None else train.molecules),
    )  # fmt: skip


class _Training:
    """The training set, and the SMILES that samples are compared with: named when first asked for."""

    def __init__(self, molecules: Molecules, options: MoleculeOptions) -> None:
        self.molecules = molecules
        self.options = options
        self.named: dict[bool, frozenset[str]] = {}

    def smiles(self, like: Molecules) -> frozenset[str]:
        """Return the molecules' SMILES; of molecules without hydrogens where the samples have none."""
        bare = like.lacks_hydrogens and not self.molecules.lacks_hydrogens
        if bare not in self.named:
            with sentences(), stages() as progress:
                of = self.molecules.heavy() if bare else self.molecules
                self.named[bare] = _smiles(of, self.options, progress)
        return self.named[bare]


def _train(word: str, root: Path | None) -> Molecules:
    read = read_samples(word, "train", root)
    if read.rejects:
        notify(f"{word}: {len(read.rejects)} training molecules cannot be used and are left out")
    return read.molecules


def _judge(options: MoleculeOptions, name: str, path: str, train: _Training | None) -> Judged:
    read = read_samples(path, options.split, options.root)
    announce(path, read.rejects)
    if options.limit is not None:
        read = _limited(read, options.limit)
    molecules, rejects = read.molecules, read.rejects
    known = None if train is None else train.smiles(molecules)
    with sentences(), stages() as progress:
        result = evaluate_molecules(
            molecules,
            reference=known,
            unreadable=tuple(rejects),
            table=options.table,
            workers=options.compute.processes(),
            timeout_s=options.compute.limit(MOLECULE_LIMIT),
            progress=lambda done, total: progress(f"molecules of {name}", done, total),
        )
    return Judged(scored=Scored(name=name, report=result.report(), rejects=rejects), result=result)


def read_samples(word: str, split: str, root: Path | None) -> Read:
    """Read one split of a dataset, or all of any other file or folder that names no split.

    Raises:
        UsageError: no such dataset or path, or nothing usable in it.
        DataError: no such split, or a file that cannot be read at all.
    """
    name, part = divide(word, split)
    check_there(name)
    if has_splits(name) or name != word:
        dataset = load_molecules(name, part, root=root)
        whole = Molecules.of(dataset.batch(range(len(dataset))))
        return Read(molecules=whole, rejects=_rejects(dataset))
    summary = read_summary(Path(name)) if Path(name).is_dir() else None
    held: dict[str, RawMolecule] = {}
    rejects: dict[str, str] = {}
    with reporting(f"reading {name}") as progress:
        source = _file_of(Path(name))
        for number, record in enumerate(() if source is None else _judgeable(source), start=1):
            if isinstance(record, RawMolecule):
                held[record.id] = record
            else:
                rejects[record.id] = record.reason
            progress(number, None, "records")
    for entry in [] if summary is None else summary["rejected"]:
        rejects[f"{entry['id']}#{entry['number']}"] = f"rejected by sampling: {entry['reason']}"
    if not held and not rejects:
        raise UsageError(f"{name}: there is no molecule in it")
    return Read(molecules=_ragged(held), rejects=rejects, targets=_targets(list(held.values())))


def _targets(records: Sequence[RawMolecule]) -> dict[str, Float64[np.ndarray, " molecules"]]:
    asked = dict.fromkeys(n for one in records for n in one.properties if n.startswith(TARGET))
    return {
        name.removeprefix(TARGET): np.array([one.properties.get(name, np.nan) for one in records])
        for name in asked
    }


def _judgeable(source: Path) -> Iterator[RawMolecule | Reject]:
    """Read samples with their clashes: atoms too near are unstable, and count as such.

    But one atom written twice leaves nothing to judge.
    """
    return read_molecules(source, least_distance=OVERLAP)


def _rejects(dataset: MoleculeDataset) -> dict[str, str]:
    """Return why records of a split's own file are not in it; a split by hash has none of its own."""
    prepared = dataset.prepared
    if prepared is None or prepared.location.hashed:
        return {}
    records = (json.loads(line) for line in prepared.rejects_path.read_text(encoding="utf-8").splitlines())
    return {record["id"]: record["reason"] for record in records}


def _file_of(path: Path) -> Path | None:
    """Return a sample folder's one file of molecules, None where it has none, any other path as it is."""
    if not path.is_dir():
        return path
    held = next((path / name for name in _FILES if (path / name).is_file()), None)
    return path if held is None and read_summary(path) is None else held


def _ragged(held: dict[str, RawMolecule]) -> Molecules:
    pairs = [(record.molecule.numbers, record.molecule.positions) for record in held.values()]
    plain = Molecules.from_pairs(pairs)
    return Molecules(counts=plain.counts, numbers=plain.numbers, positions=plain.positions, ids=tuple(held))


def _limited(read: Read, limit: int) -> Read:
    """Draw from readable and unreadable records together."""
    places = {name: n for n, name in enumerate(read.molecules.ids)}
    chosen = drawn([*places, *read.rejects], limit)
    kept = [places[name] for name in chosen if name in places]
    return Read(
        molecules=read.molecules.select(kept),
        rejects={name: read.rejects[name] for name in chosen if name not in places},
        targets={name: values[kept] for name, values in read.targets.items()},
    )


def _smiles(train: Molecules, options: MoleculeOptions, progress: StageProgress) -> frozenset[str]:
    """Return the training set's SMILES, kept by the content of the set."""
    folder = options.compute.folder()
    file = None if folder is None else folder / "smiles" / f"{_key(train, options.table)}.txt"
    if file is not None and file.is_file():
        return frozenset(file.read_text().split())
    found = reference_smiles(
        train,
        table=options.table,
        workers=options.compute.processes(),
        progress=lambda done, total: progress("naming training molecules", done, total),
    )
    if file is not None:
        write_text(file, "\n".join(sorted(found)) + "\n")
    return found


def _key(molecules: Molecules, table: str) -> str:
    digest = hashlib.sha256(f"{SMILES_VERSION} {version('rdkit')} {table}".encode())
    for array in (molecules.counts, molecules.numbers, molecules.positions):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:32]
