"""Small valid files of each format that is read, to start from."""

import gzip
import io
import json
import tarfile
import zipfile

import numpy as np

CIF = b"""# generated using pymatgen
data_NaCl
_symmetry_space_group_name_H-M   'P 1'
_cell_length_a   4.00000000
_cell_length_b   4.00000000
_cell_length_c   4.00000000
_cell_angle_alpha   90.00000000
_cell_angle_beta   90.00000000
_cell_angle_gamma   90.00000000
_symmetry_Int_Tables_number   1
_chemical_formula_structural   NaCl
_chemical_formula_sum   'Na1 Cl1'
_cell_volume   64.00000000
_cell_formula_units_Z   1
loop_
 _symmetry_equiv_pos_site_id
 _symmetry_equiv_pos_as_xyz
  1  'x, y, z'
loop_
 _atom_site_type_symbol
 _atom_site_label
 _atom_site_symmetry_multiplicity
 _atom_site_fract_x
 _atom_site_fract_y
 _atom_site_fract_z
 _atom_site_occupancy
  Na  Na0  1  0.00000000  0.00000000  0.00000000  1
  Cl  Cl1  1  0.50000000  0.50000000  0.50000000  1
"""

CIF_SYMMETRY = b"""data_x
_cell_length_a 5.64(1)
_cell_length_b 5.64(1)
_cell_length_c 5.64(1)
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_space_group_name_H-M_alt 'P -1'
_chemical_formula_sum 'Cl2 Na2'
_cell_formula_units_Z 2
loop_
_space_group_symop_operation_xyz
'x,y,z'
'-x,-y,-z'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Na1 Na+ 0.1 0.1(2) 0.1 1.0
Cl1 Cl- 0.6 0.4 0.6 1.0
"""

CIF_SYMBOL = CIF_SYMMETRY.replace(
    b"loop_\n_space_group_symop_operation_xyz\n'x,y,z'\n'-x,-y,-z'\n", b"_space_group_IT_number 2\n"
)

POSCAR = b"""NaCl
-80.0
1.0 0.0 0.0
0.0 1.0 0.0
0.0 0.0 1.25
Na Cl
1 1
Selective dynamics
Cartesian
0.0 0.0 0.0 T T F Na
0.41 0.33 0.52 F F F Cl

0.0 0.1 0.0
0.0 0.0 0.1
"""

EXTXYZ = b"""2
Lattice="4.0 0 0 0 4.0 0 0 0 4.0" Properties=species:S:1:pos:R:3:forces:R:3 id=a energy=-1.5 pbc="T T T"
Na 0 0 0 0.1 0 0
Cl 2 2 2 -0.1 0 0
2
Lattice="4.0 4.0 4.0 90 90 90" Properties=species:S:1:pos:R:3 note="x y" stress="1 0 0 0 1 0 0 0 1"
Na+ 0 0 0
Cl- 2 2 2
"""

XYZ = b"3\nid=water energy=-76.4\nO 0 0 0\nH 0.76 0.59 0\nH -0.76 0.59 0\n2\n\nC 0 0 0\nO 1.13 0 0\n"

QM9 = (
    b"2\ngdb 7\t799.58\t437.90\t282.94\t1.85\t6.31\t-0.29\t0.06\t0.36\t19.0\t0.02"
    b"\t-76.4\t-76.4\t-76.3\t-76.4\t6.0\n"
    b"C\t0.0\t0.0\t1.2*^-6\t-0.5\nO\t1.1\t0.0\t0.0\t0.2\n1671.4\t3803.0\nC\tO\nInChI=1S/CO/c1-2\tInChI=1S/CO\n"
)

SDF = b"""water
  program 3D

  3  2  0  0  0  0  0  0  0  0999 V2000
    0.0000    0.0000    0.0000 O   0  0  0  0  0  0
    0.7600    0.5900    0.0000 H   0  0  0  0  0  0
   -0.7600    0.5900    0.0000 H   0  0  0  0  0  0
  1  2  1  0
  1  3  1  0
M  END
> <energy>
-76.4

$$$$
"""

SDF_V3000 = b"""water
  program 3D

  0  0  0     0  0            999 V3000
M  V30 BEGIN CTAB
M  V30 COUNTS 3 2 0 0 0
M  V30 BEGIN ATOM
M  V30 1 O 0.0 0.0 0.0 0
M  V30 2 H 0.76 0.59 0.0 0
M  V30 3 H -0.76 0.59 0.0 0
M  V30 END ATOM
M  V30 BEGIN BOND
M  V30 1 1 1 2
M  V30 2 1 1 3
M  V30 END BOND
M  V30 END CTAB
M  END
$$$$
"""

STRUCTURE = {
    "@module": "pymatgen.core.structure",
    "@class": "Structure",
    "lattice": {
        "matrix": [[4.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 4.0]],
        "pbc": [True, True, True],
        "a": 4.0,
        "b": 4.0,
        "c": 4.0,
        "alpha": 90.0,
        "beta": 90.0,
        "gamma": 90.0,
    },
    "sites": [
        {"species": [{"element": "Na", "occu": 1}], "abc": [0.0, 0.0, 0.0]},
        {"species": [{"element": "Cl", "oxidation_state": -1, "occu": 1}], "abc": [0.5, 0.5, 0.5]},
    ],
}
OPTIMADE = {
    "id": "x",
    "attributes": {
        "lattice_vectors": STRUCTURE["lattice"]["matrix"],
        "cartesian_site_positions": [[0, 0, 0], [2.0, 2.0, 2.0]],
        "species_at_sites": ["Na", "Cl"],
        "species": [{"name": x, "chemical_symbols": [x], "concentration": [1.0]} for x in ("Na", "Cl")],
        "dimension_types": [1, 1, 1],
    },
}
OQMD = {
    "name": "NaCl",
    "entry_id": 7,
    "ntypes": 2,
    "volume": 64.0,
    "density": 1.5,
    "unit_cell": [[4.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 4.0]],
    "sites": ["Na @ 0 0 0", "Cl @ 0.5 0.5 0.5"],
    "delta_e": -1.9,
}
JARVIS = {
    "jid": "JVASP-1",
    "gap": "na",
    "atoms": {
        "lattice_mat": STRUCTURE["lattice"]["matrix"],
        "coords": [[0, 0, 0], [0.5, 0.5, 0.5]],
        "elements": ["Na", "Cl"],
        "cartesian": False,
    },
}
ENTRIES = [{"material_id": f"mp-{i}", "structure": STRUCTURE, "e": 0.5 * i} for i in range(3)]


def _dump(value: object) -> bytes:
    return json.dumps(value).encode()


def _table(separator: str) -> bytes:
    cells = [["material_id", "cif", "e", "gap"]]
    cells += [[f"mp-{i}", f'"{CIF.decode()}"', str(0.5 * i), "2" if i else "#N/A"] for i in range(3)]
    return "".join(separator.join(row) + "\r\n" for row in cells).encode()


MEMBERS = {
    "a.cif": CIF,
    "b/POSCAR": POSCAR,
    "c.extxyz": EXTXYZ,
    "__MACOSX/._a.cif": b"\0\5\26\7",
    "n.txt": b"n",
}


def pack_zip(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def pack_tar(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


def _npz() -> bytes:
    file = io.BytesIO()
    np.savez(
        file,
        num_atoms=np.array([3, 2]),
        charges=np.array([[8, 1, 1], [6, 8, 0]]),
        positions=np.arange(18.0).reshape(2, 3, 3),
        index=np.array([1, 2]),
        gap=np.array([0.1, 0.2]),
    )
    return file.getvalue()


SEEDS: dict[str, bytes] = {
    "plain.cif": CIF,
    "symmetry.cif": CIF_SYMMETRY,
    "symbol.cif": CIF_SYMBOL,
    "two.mcif": CIF_SYMMETRY + CIF,
    "x.vasp": POSCAR,
    "CONTCAR": POSCAR.replace(b"-80.0", b"1.0 1.0 2.0").replace(b"1.25", b"4.0"),
    "x.extxyz": EXTXYZ,
    "x.xyz": XYZ,
    "qm9.xyz": QM9,
    "x.sdf": SDF + SDF,
    "x.mol": SDF_V3000,
    "x.npz": _npz(),
    "x.csv": _table(","),
    "x.tsv": _table("\t"),
    "list.json": _dump(ENTRIES),
    "split.json": _dump(
        {"columns": ["structure", "e"], "index": [3, 5], "data": [[STRUCTURE, 0.5], [STRUCTURE, None]]}
    ),
    "columns.json": _dump({"structure": {"0": STRUCTURE, "1": STRUCTURE}, "e": {"0": 1.5, "1": None}}),
    "optimade.json": _dump({"data": [OPTIMADE], "links": {"next": None}}),
    "jarvis.json": _dump([JARVIS]),
    "oqmd.json": _dump({"data": [OQMD], "links": {"next": None}}),
    "x.jsonl": b"".join(_dump(entry) + b"\n" for entry in ENTRIES),
    "x.zip": pack_zip(MEMBERS),
    "x.tar": pack_tar(MEMBERS),
    "x.tar.gz": gzip.compress(pack_tar(MEMBERS), mtime=0),
    "x.csv.gz": gzip.compress(_table(","), mtime=0),
    "x.json.gz": gzip.compress(_dump(ENTRIES), mtime=0),
    "x.extxyz.gz": gzip.compress(EXTXYZ, mtime=0),
    "x.sdf.gz": gzip.compress(SDF, mtime=0),
}
