"""``epitaxy data``: what is in datasets, preparing them, fetching them."""

import os
from collections.abc import Mapping
from pathlib import Path

import typer

from epitaxy.apps.crystals.data import load_crystals
from epitaxy.apps.foundation.errors import WorkError
from epitaxy.apps.foundation.progress import reporting
from epitaxy.apps.molecules.data import load_molecules
from epitaxy.data import (
    DATASETS,
    SPLITS,
    CrystalDataset,
    DataError,
    PropertyStatistics,
    Split,
    Statistics,
    dataset_info,
    fetch,
    locate,
)
from epitaxy.data.molecules import MoleculeDataset, MoleculeStatistics, holds_molecules


def describe_dataset(name: str, root: Path | None) -> None:
    """Print what is known of a dataset beforehand, and what its splits hold."""
    if name in DATASETS or not Path(name).exists():
        info = dataset_info(name)
        typer.echo(f"{info.name}: {info.description}\nsource      {info.source}\nlicence     {info.licence}")
        for column, meaning in info.properties.items():
            typer.echo(f"property    {column} ({meaning})")
    described, left = 0, dict[str, DataError]()
    for split in SPLITS:
        try:
            locate(name, split, root=root)
        except DataError as error:
            typer.echo(f"{split:<11} not here: {error}")
            continue
        try:
            _describe_split(name, split, root)
            described += 1
        except DataError as error:
            left[split] = error
    for empty, reason in left.items():
        if not described:
            raise reason
        typer.echo(f"{empty:<11} not here: {reason}")


def _describe_split(name: str, split: Split, root: Path | None) -> None:
    if _holds_molecules(name):
        molecules = load_molecules(name, split, root=root)
        seen = MoleculeStatistics.of(molecules)
        typer.echo(f"{split:<11} {_molecule_summary(seen)}")
        _list_properties(seen.properties)
        _list_notes(molecules)
        return
    dataset = load_crystals(name, split, root=root)
    crystals = Statistics.of(dataset)
    typer.echo(f"{split:<11} {_summary(crystals)}")
    _list_properties(crystals.properties)
    _list_notes(dataset)


def _list_notes(dataset: CrystalDataset | MoleculeDataset) -> None:
    """Print what was not read besides the rejects, which loading has told."""
    for note in () if dataset.prepared is None else dataset.prepared.notes:
        typer.echo(f"{'':<11} not read: {note}")


def prepare_dataset(name: str, root: Path | None, workers: int | None) -> None:
    """Read, reduce and cache every split that is there; one without a record does not stop the others."""
    left: dict[Split, DataError] = {}
    for split in SPLITS:
        try:
            _prepare_split(name, split, root, workers)
        except DataError as error:
            left[split] = error
    if len(left) == len(SPLITS):
        raise next(iter(left.values()))
    for split, reason in left.items():
        typer.echo(f"{split}: not here: {reason}")


def _prepare_split(name: str, split: Split, root: Path | None, workers: int | None) -> None:
    locate(name, split, root=root)
    if _holds_molecules(name):
        dataset: CrystalDataset | MoleculeDataset = load_molecules(name, split, root=root)
        what = "molecules"
    else:
        dataset = load_crystals(name, split, root=root, workers=workers or os.cpu_count())
        what = "crystals"
    where = "" if dataset.prepared is None else f" in {dataset.prepared.folder}"
    rejects = 0 if dataset.prepared is None else dataset.prepared.rejects
    typer.echo(f"{split}: {len(dataset)} {what}, {rejects} rejected{where}")


def fetch_dataset(name: str, root: Path | None) -> None:
    """Download the official files of a dataset."""
    with reporting(f"fetching {name}") as progress:
        try:
            folder = fetch(
                name,
                folder=None if root is None else root / name,
                progress=lambda done, total: progress(done, total, "bytes"),
            )
        except DataError as error:
            if DATASETS[name].address is None:
                raise
            raise WorkError(str(error)) from error  # the words were right: the network or the files were not
    typer.echo(f"{name} is in {folder}")


def _holds_molecules(name: str) -> bool:
    if name in DATASETS:
        return DATASETS[name].kind == "molecules"
    return holds_molecules(name)


def _list_properties(properties: Mapping[str, PropertyStatistics]) -> None:
    """Print each property's name, for how many structures it is known, and its range."""
    for name, seen in properties.items():
        typer.echo(f"{'':<11} {name}: {seen.min:.4g} to {seen.max:.4g}, known of {seen.known}")


def _molecule_summary(statistics: MoleculeStatistics) -> str:
    sizes = sorted(statistics.atoms_per_molecule)
    return (
        f"{statistics.molecules} molecules of {sizes[0]} to {sizes[-1]} atoms, "
        f"{len(statistics.vocabulary)} elements ({' '.join(statistics.vocabulary.symbols)})"
    )


def _summary(statistics: Statistics) -> str:
    sizes = sorted(statistics.atoms_per_cell)
    return (
        f"{statistics.crystals} crystals of {sizes[0]} to {sizes[-1]} atoms, "
        f"{len(statistics.vocabulary)} elements, {statistics.volume_per_atom:.1f} Å³ an atom"
    )
