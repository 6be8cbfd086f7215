"""The datasets known by name."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from epitaxy.data.errors import DataError

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")

Kind = Literal["crystals", "molecules"]

_CDVAE = "https://raw.githubusercontent.com/txie-93/cdvae/main/data"
_DIFFCSP = "https://raw.githubusercontent.com/jiaor17/DiffCSP/main/data"


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetInfo:
    """What is known of a dataset beforehand.

    Attributes:
        counts: records of each official split; empty for an embedded dataset, whose splits are made in code.
        properties: name -> meaning and unit of the numbers that come with the crystals.
        address: where the official `<split>.csv` files are, None if they are not fetched.
        embedded: made in code; needs no file.
        kind: what it holds: crystals for `CrystalDataset`, or molecules for `molecules.MoleculeDataset`.

    """

    name: str
    description: str
    source: str
    licence: str
    counts: Mapping[Split, int] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    address: str | None = None
    embedded: bool = False
    kind: Kind = "crystals"


_ALL = (
    DatasetInfo(
        name="prototypes",
        description="ionic compounds in well-known structure types, sized by Shannon's radii; 2-10 atoms",
        source="made in code from prototypes and the radii of R. D. Shannon, Acta Cryst. A 32, 751 (1976)",
        licence="MIT, as the code",
        properties={"volume_per_atom": "Å^3", "density": "g/cm^3"},
        embedded=True,
    ),
    DatasetInfo(
        name="perov_5",
        description="hypothetical and known perovskites ABX3; 5 atoms, 56 elements",
        source="Castelli et al., Energy Environ. Sci. 5, 5814 (2012), by way of CDVAE",
        licence="Computational Materials Repository, to be cited",
        counts={"train": 11356, "val": 3787, "test": 3785},
        properties={
            "heat_all": "heat of formation, eV",
            "dir_gap": "direct gap, eV",
            "ind_gap": "indirect gap, eV",
        },
        address=f"{_CDVAE}/perov_5",
    ),
    DatasetInfo(
        name="carbon_24",
        description="carbon phases from random structure search at 10 GPa; 6-24 atoms",
        source="C. J. Pickard, AIRSS data for carbon at 10 GPa (2020), by way of CDVAE",
        licence="CC BY 4.0",
        counts={"train": 6091, "val": 2032, "test": 2030},
        properties={"energy_per_atom": "eV/atom"},
        address=f"{_CDVAE}/carbon_24",
    ),
    DatasetInfo(
        name="carbon_24_unique",
        description="carbon_24 without its duplicates; the one to train on carbon with",
        source="C. J. Pickard (2020), duplicates removed by the OMatG authors (2025)",
        licence="CC BY 4.0, selection MIT",
        counts={"train": 2550, "val": 850, "test": 850},
        properties={"energy_per_atom": "eV/atom, partly unknown"},
    ),
    DatasetInfo(
        name="mp_20",
        description="most experimentally known inorganic materials of up to 20 atoms; 89 elements",
        source="Materials Project, by way of CDVAE",
        licence="CC BY 4.0",
        counts={"train": 27136, "val": 9047, "test": 9046},
        properties={
            "formation_energy_per_atom": "eV/atom",
            "band_gap": "eV",
            "e_above_hull": "eV/atom",
            "spacegroup.number": "1-230",
        },
        address=f"{_CDVAE}/mp_20",
    ),
    DatasetInfo(
        name="mpts_52",
        description="Materials Project crystals of up to 52 atoms, split by year of publication",
        source="Materials Project, by way of DiffCSP",
        licence="CC BY 4.0",
        counts={"train": 27380, "val": 5000, "test": 8096},
        properties={
            "formation_energy_per_atom": "eV/atom",
            "energy_above_hull": "eV/atom",
            "year": "of publication",
        },
        address=f"{_DIFFCSP}/mpts_52",
    ),
    DatasetInfo(
        name="qm9",
        description="small organic molecules of up to nine C, N, O, F atoms, with hydrogens; 3-29 atoms",
        source="Ramakrishnan et al., Sci. Data 1, 140022 (2014), in EDM's splits (arXiv:2203.17003)",
        licence="CC0",
        counts={"train": 100000, "val": 17748, "test": 13083},
        properties={
            "mu": "dipole moment, debye",
            "alpha": "isotropic polarisability, bohr^3",
            "homo": "highest occupied orbital, hartree",
            "lumo": "lowest unoccupied orbital, hartree",
            "gap": "lumo - homo, hartree",
            "Cv": "heat capacity at 298.15 K, cal/(mol K)",
        },
        kind="molecules",
    ),
    DatasetInfo(
        name="g2",
        description="the 148 molecules of the G2/97 test set, radicals among them; 2-14 atoms, 14 elements",
        source="Raghavachari et al., J. Chem. Phys. 106, 1063 (1997), MP2/6-31G(d) geometries, by way of ASE",
        licence="as ASE, LGPL; geometries published",
        properties={
            "enthalpy": "measured enthalpy of formation at 298 K, kcal/mol",
            "zpe": "zero-point energy, kcal/mol",
            "ionization_energy": "measured, eV, partly unknown",
        },
        embedded=True,
        kind="molecules",
    ),
)

DATASETS: Mapping[str, DatasetInfo] = MappingProxyType({info.name: info for info in _ALL})
"""The datasets that can be loaded by name."""


def dataset_info(name: str) -> DatasetInfo:
    """Return what is known of a named dataset.

    Raises:
        DataError: if the name is unknown; names the known ones and what may have been meant.

    """
    if name in DATASETS:
        return DATASETS[name]
    close = difflib.get_close_matches(name.lower().replace("-", "_"), DATASETS, n=2)
    hint = f" (did you mean {' or '.join(close)}?)" if close else ""
    raise DataError(
        f"{name!r} is neither a known dataset nor an existing path{hint}; known are {', '.join(DATASETS)}"
    )


def check_kind(name: str, kind: Kind) -> None:
    """Refuse a known dataset that holds something else; a path and an unknown name pass.

    Raises:
        DataError: if the dataset of that name is not of this kind.

    """
    if name in DATASETS and (found := DATASETS[name].kind) != kind:
        fitting = ", ".join(info.name for info in DATASETS.values() if info.kind == kind)
        raise DataError(f"{name} holds {found}, not {kind}; {kind} are in {fitting}")
