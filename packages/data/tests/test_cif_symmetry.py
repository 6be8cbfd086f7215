"""Symmetry of CIFs: every setting gemmi knows, however it is named, is applied in full or refused."""

from functools import cache

import gemmi
import numpy as np
import pytest

from epitaxy.data._cif import parse_cif
from epitaxy.data.errors import UnusableRecordError

GENERAL = (0.1371, 0.0817, 0.2273)
CELLS = {
    "triclinic": (28, 32, 36, 80, 95, 102),
    "orthorhombic": (28, 32, 36, 90, 90, 90),
    "tetragonal": (28, 28, 36, 90, 90, 90),
    "trigonal": (28, 28, 36, 90, 90, 120),
    "hexagonal": (28, 28, 36, 90, 90, 120),
    "cubic": (44, 44, 44, 90, 90, 90),
    "a": (28, 32, 36, 103, 90, 90),
    "b": (28, 32, 36, 90, 103, 90),
    "c": (28, 32, 36, 90, 90, 103),
    "R": (28, 28, 28, 75, 75, 75),
}
CELL_TAGS = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
SETTINGS = list(gemmi.spacegroup_table())


def cif(cell, symmetry: str, atoms: str, head: str = "") -> str:
    lines = "".join(f"_cell_{tag} {value}\n" for tag, value in zip(CELL_TAGS, cell, strict=True))
    loop = "loop_\n_atom_site_label\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n"
    return f"data_x\n{head}{lines}{symmetry}\n{loop}{atoms}"


def cell_of(group: gemmi.SpaceGroup):
    if group.ext == "R":
        return CELLS["R"]
    system = group.crystal_system_str()
    return CELLS[group.monoclinic_unique_axis() if system == "monoclinic" else system]


def points(positions) -> list[tuple[float, ...]]:
    return sorted(tuple(p) for p in np.round(np.asarray(positions) % 1.0, 6) % 1.0)


def quoted(text: str) -> str:
    return f'"{text}"' if "'" in text else f"'{text}'"


NAMES = {
    "symbol with setting": lambda g: f"_space_group_name_H-M_alt '{g.xhm()}'",
    "symbol": lambda g: f"_symmetry_space_group_name_H-M '{g.hm}'",
    "no spaces": lambda g: f"_symmetry_space_group_name_H-M '{g.hm.replace(' ', '')}'",
    "underscores": lambda g: f"_symmetry_space_group_name_H-M {g.xhm().replace(' ', '_')}",
    "short": lambda g: f"_symmetry_space_group_name_H-M '{g.short_name()}'",
    "capitals": lambda g: f"_SYMMETRY_SPACE_GROUP_NAME_H-M '{g.xhm().upper()}'",
    "Hall": lambda g: f"_space_group_name_Hall {quoted(g.hall)}",
    "symbol and number": lambda g: (
        f"_space_group_name_H-M_alt '{g.xhm()}'\n_space_group_IT_number {g.number}"
    ),
    "number": lambda g: f"_symmetry_Int_Tables_number {g.number}",
}
ALL_READ = {"symbol with setting", "underscores", "capitals", "Hall", "symbol and number"}


@cache
def general_points(xhm: str) -> list[tuple[float, ...]]:
    group = next(g for g in SETTINGS if g.xhm() == xhm)
    return points([op.apply_to_xyz(list(GENERAL)) for op in group.operations()])


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_is_applied_or_refused(name):
    refused = 0
    for group in SETTINGS:
        if name == "number" and group.number <= 2 and not group.is_reference_setting():
            continue  # nobody means a centred triclinic cell by a number alone
        expected = general_points(group.xhm())
        text = cif(cell_of(group), NAMES[name](group), "C1 " + " ".join(map(str, GENERAL)) + "\n")
        try:
            found = parse_cif(text)
        except UnusableRecordError as error:
            assert "may be" in str(error) or "is unknown" in str(error)  # noqa: PT017 - refusing is one of two right answers
            refused += 1
            continue
        assert points(found.positions) == expected, group.xhm()
    assert refused == 0 or name not in ALL_READ


ROCKSALT = (5.64, 5.64, 5.64, 90, 90, 90)
NACL = "Na1 0 0 0\nCl1 0.5 0.5 0.5\n"
SILICON = (5.4309, 5.4309, 5.4309, 90, 90, 90)
BISMUTH_R = (4.746, 4.746, 4.746, 57.23, 57.23, 57.23)
BISMUTH_H = (4.546, 4.546, 11.862, 90, 90, 120)


def symbol(text: str) -> str:
    return f"_symmetry_space_group_name_H-M '{text}'"


@pytest.mark.parametrize(
    ("cell", "name", "atoms", "count"),
    [
        *((ROCKSALT, s, NACL, 8) for s in ("F 4/m -3 2/m", "F m 3 m", "Fm3m", "Fm-3m", "F_m_-3_m", "FM-3M")),
        *(
            (SILICON, s, "Si1 0 0 0\n", 8)
            for s in ("F d -3 m :1", "F d -3 m S", "F 41/d -3 2/m :1", "Fd-3mS")
        ),
        *((SILICON, s, "Si1 .125 .125 .125\n", 8) for s in ("F d -3 m :2", "F d -3 m Z", "F d 3 m Z")),
        *((BISMUTH_R, s, "Bi1 0.2339 0.2339 0.2339\n", 2) for s in ("R -3 m", "R -3 m R", "R -3 2/m :R")),
        *((BISMUTH_H, s, "Bi1 0 0 0.2339\n", 6) for s in ("R -3 m", "R -3 m H", "R -3 m HR", "R -3 2/m")),
        ((4, 4, 6, 90, 90, 120), "P 63/m 2/m 2/c", "Mg1 0.33333 0.66667 0.25\n", 2),
        ((5, 6, 7, 90, 90, 90), "P 21/n 21/m 21/a", "Fe1 0.1 0.25 0.3\n", 4),
        ((5, 6, 7, 90, 105, 90), "P 21/n", "C1 0.1 0.2 0.3\n", 4),
    ],
)
def test_old_full_and_suffixed_symbols(cell, name, atoms, count):
    assert len(parse_cif(cif(cell, symbol(name), atoms)).numbers) == count


FULL = {
    "F4/m-32/m": 225, "F 4/m 3 2/m": 225, "F41/d-32/m:2": 227, "F41/d-32/mS": 227, "P42/n-32/m:1": 224,
    "P21/n21/m21/a": 62, "P2/n2/n2/n:1": 48, "C2/m2/c21/a": 64, "P63/m2/m2/c": 194, "P42/m21/n2/m": 136,
    "I41/a2/m2/d:2": 141, "P 4/m 2/m 2/m": 123, "I41/a-32/d": 230, "R-32/m:H": 166, "R-32/mR": 166,
    "P-32/m1": 164, "P-312/m": 162, "P2/m-3": 200, "I21/a-3": 206, "P21/a-3": 205, "Ia3d": 230,
    "P121/c1": 14, "P12_1/c1": 14, "P4212": 90, "P212121": 19,
}  # fmt: skip


@pytest.mark.parametrize("name", FULL)
def test_full_symbols_need_no_spaces(name):
    groups = [g for g in SETTINGS if g.number == FULL[name]]
    wanted = {"S": "1"}.get(name[-1], name[-1])
    group = next((g for g in groups if g.ext == wanted), groups[0])
    text = cif(cell_of(group), symbol(name), "C1 " + " ".join(map(str, GENERAL)) + "\n")
    expected = [op.apply_to_xyz(list(GENERAL)) for op in group.operations()]
    assert points(parse_cif(text).positions) == points(expected)


P21N = [(0.1, 0.2, 0.3), (0.4, 0.7, 0.2), (0.6, 0.3, 0.8), (0.9, 0.8, 0.7)]


def test_the_symbol_says_which_setting_its_number_means():
    text = cif((5, 6, 7, 90, 105, 90), symbol("P 21/n") + "\n_space_group_IT_number 14", "C1 0.1 0.2 0.3\n")
    assert points(parse_cif(text).positions) == points(P21N)


@pytest.mark.parametrize(
    "named",
    [
        *(
            symbol(s)
            for s in ("F m 3\u0305 m", "Fm\u22123m", "Fm\u00a03\u0304 m", "225", "No. 225", r"Fm\bar{3}m")
        ),
        *(
            "_space_group_name_H-M_alt " + s
            for s in ("\u2018F m -3 m\u2019", "\u201cFm-3m\u201d", "Fm3\u0305m")
        ),
        *("_space_group_IT_number " + s for s in ("225.0", "'225'", "225(0)", "\uff12\uff12\uff15")),
        "_space_group_name_Hall '\u2212F\u00a04 2 3'",
        "_space_group_name_H-M_alt\n;\nF m -3 m\n;",
    ],
)
def test_symmetry_in_any_typography(named):
    assert len(parse_cif(cif(ROCKSALT, named, NACL)).numbers) == 8


@pytest.mark.parametrize("number", ["225.5", "2\u00b2", "0", "231", "-225", "No.225", "Fm-3m"])
def test_numbers_that_are_none(number):
    with pytest.raises(UnusableRecordError, match="none of 1 to 230"):
        parse_cif(cif(ROCKSALT, f"_space_group_IT_number {number}", NACL))


REFUSED = {
    "origin unsaid": (SILICON, symbol("F d -3 m"), "Si1 0 0 0\n", "may be space group F d -3 m:1 or"),
    "number alone": (
        (5, 6, 7, 90, 90, 90),
        "_space_group_IT_number 62",
        "C1 .1 .2 .3\n",
        "list the operations",
    ),
    "nothing said": (ROCKSALT, "", NACL, "names no space group"),
    "unknown": (ROCKSALT, symbol("F q -3 q"), NACL, "'F q -3 q' is unknown"),
    "Hall": (ROCKSALT, "_space_group_name_Hall 'Q 4'", NACL, "Hall symbol 'Q 4' cannot be read"),
    "two groups": (ROCKSALT, symbol("F m -3 m") + "\n_space_group_IT_number 221", NACL, "two space groups"),
    "axes": ((5, 6, 7, 90, 90, 90), symbol("F m -3 m"), NACL, "axes do not fit"),
    "number of 231": (ROCKSALT, "_space_group_IT_number 231", NACL, "none of 1 to 230"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_symmetry_that_cannot_be_had_is_refused(case):
    cell, symmetry, atoms, reason = REFUSED[case]
    with pytest.raises(UnusableRecordError) as caught:
        parse_cif(cif(cell, symmetry, atoms))
    assert reason in str(caught.value)


def operations(*lines: str, tag: str = "_symmetry_equiv_pos_as_xyz") -> str:
    return f"loop_\n{tag}\n" + "\n".join(f"'{line}'" for line in lines)


MONOCLINIC = (5, 6, 7, 90, 100, 90)
P21C = ("x,y,z", "-x,y+1/2,-z+1/2", "-x,-y,-z", "x,-y+1/2,z+1/2")


@pytest.mark.parametrize(
    "lines",
    [
        P21C,
        ("x, y, z", "-x, y + 1/2, -z+ 1/2", " -x,-y,-z", "x,-y+1/2,z+1/2"),
        ("X,Y,Z", "-X,1/2+Y,1/2-Z", "-X,-Y,-Z", "X,1/2-Y,1/2+Z"),
        ("+x,+y,+z", "-x,y+.5,-z+0.5", "-x,-y,-z", "x,-y+2/4,z+12/24"),
        ("x,y,z", "-x,y-1/2,-z+1/2", "-x,-y,-z", "x,-y-1/2,z-1/2"),
        ("1 x,y,z", "2 -x,y+1/2,-z+1/2", "3 -x,-y,-z", "4 x,-y+1/2,z+1/2"),
        ("(1) x,y,z", "(2) -x,1/2+y,1/2-z", "(3) -x,-y,-z", "(4) x,1/2 - y,.5 + z"),
        ("1: X, Y, Z", "2: -X, 1/2 + Y, 1/2 - Z", "3: -X, -Y, -Z", "4: X, 1/2 - Y, 1/2 + Z"),
        (
            "x,y,z",
            "\u2212x,y+\u00bd,\u2212z+1\u20442",
            "x\u0305,y\u0305,z\u0305",
            "\uff58,\u2013y+\u00bd,z+\u00bd",
        ),
        ("1+x,y,z", "-x,1 /2+y,1/2 - z", "-x,-y,-z", "x,1/2 - y,1/2 + z"),  # numbers that are no places
    ],
)
def test_operations_in_every_spelling(lines):
    text = cif(MONOCLINIC, operations(*lines), "C1 0.11 0.17 0.31\n")
    expected = [gemmi.Op(op).apply_to_xyz([0.11, 0.17, 0.31]) for op in P21C]
    assert points(parse_cif(text).positions) == points(expected)


@pytest.mark.parametrize(
    "bad",
    [
        "*",
        "x,-y+1/2;z+1/2",
        "a,-b,c",
        "x,-y+1/7,z",
        "x,y",
        "x,y,0",
        "x,-y+" + "1" * 500 + ",z",
        "?",
    ],
)
def test_an_operation_that_cannot_be_read_refuses_the_record(bad):
    text = cif(MONOCLINIC, symbol("P 21/c") + "\n" + operations(*P21C[:3], bad), "C1 0.11 0.17 0.31\n")
    with pytest.raises(UnusableRecordError, match=r"symmetry operation .* cannot be read"):
        parse_cif(text)


@pytest.mark.parametrize("lines", [P21C[:3], P21C[1:], ("x,y,z", "y,z,x"), ("-x,-y,-z",)])
def test_operations_that_are_no_group_refuse_the_record(lines):
    with pytest.raises(UnusableRecordError, match="symmetry operations"):
        parse_cif(cif((5, 5, 5, 90, 90, 90), operations(*lines), "C1 0.11 0.17 0.31\n"))


def test_identity_alone_beside_a_symbol_is_decided_by_what_is_declared():
    symmetry = symbol("Fm-3m") + "\n" + operations("x, y, z")
    declared = "_chemical_formula_sum 'Na4 Cl4'\n_cell_formula_units_Z 4\n"
    assert len(parse_cif(cif(ROCKSALT, symmetry, NACL, declared)).numbers) == 8
    with pytest.raises(UnusableRecordError, match="may be symmetry operations or space group F m -3 m"):
        parse_cif(cif(ROCKSALT, symmetry, NACL))


def test_a_magnetic_cif_gives_its_nuclei():
    symmetry = (
        "loop_\n_space_group_symop_magn_operation.id\n_space_group_symop_magn_operation.xyz\n"
        "1 x,y,z,+1\n2 -x,-y,-z,+1\nloop_\n_space_group_symop_magn_centering.id\n"
        "_space_group_symop_magn_centering.xyz\n1 x,y,z,+1\n2 x,y,z+1/2,-1\n"
    )
    found = parse_cif(cif((4, 4, 8, 90, 90, 90), symmetry, "Mn1 0 0 0\nO1 0.5 0.5 0.2\n"))
    assert sorted(found.numbers.tolist()) == [8, 8, 8, 8, 25, 25]


PNMA = ("x,y,z", "-x+1/2,-y,z+1/2", "-x,y+1/2,-z", "x+1/2,-y+1/2,-z+1/2")
PNMA += ("-x,-y,-z", "x+1/2,y,-z+1/2", "x,-y+1/2,z", "-x+1/2,y+1/2,z+1/2")


@pytest.mark.parametrize("y", ["0.25", "0.2500", "0.2530", "0.247"])
def test_a_special_position_written_short_is_one(y):
    text = cif((8, 9, 7, 90, 90, 90), operations(*PNMA), f"Fe1 0.1 {y} 0.2\nS1 0.3 0.25 0.4\n")
    found = parse_cif(text)
    assert sorted(found.numbers.tolist()) == [16] * 4 + [26] * 4
    np.testing.assert_allclose(found.positions[:, 1] % 0.5, 0.25)


@pytest.mark.parametrize("x", ["0.33", "0.333", "0.33333", "0.3340"])
def test_a_threefold_axis_written_short(x):
    group = gemmi.find_spacegroup_by_name("R -3:H").operations()
    atoms = f"Si1 {x} 0.667 0.21\nO1 0.13 0.02 0.27\n"
    text = cif((12, 12, 10, 90, 90, 120), operations(*(op.triplet() for op in group)), atoms)
    assert sorted(parse_cif(text).numbers.tolist()) == [8] * 18 + [14] * 6


@pytest.mark.parametrize("seed", range(20))
def test_rounding_changes_no_multiplicity(seed):
    """Any special position, its coordinates cut to three digits, has the orbit of the exact one."""
    rng = np.random.default_rng(seed)
    group = SETTINGS[int(rng.integers(len(SETTINGS)))]
    ops = list(group.operations())
    start = rng.uniform(size=3)
    op = ops[int(rng.integers(len(ops)))]
    orbit = [start]
    for _ in range(23):
        orbit.append(np.array(op.apply_to_xyz(orbit[-1].tolist())))
    order = next(
        n for n in range(1, 25) if np.allclose(np.array(op.rot) // 24 @ np.eye(3), np.eye(3)) or n == 24
    )
    special = np.mean(orbit[:order], axis=0)
    names = symbol(group.xhm())
    exact, cut = (
        parse_cif(cif(cell_of(group), names, "C1 " + " ".join(f"{v:.{digits}f}" for v in special) + "\n"))
        for digits in (12, 3)
    )
    assert len(exact.numbers) == len(cut.numbers)


def test_a_declared_multiplicity_is_what_the_orbit_has():
    loop = "loop_\n_atom_site_label\n_atom_site_site_symmetry_multiplicity\n"
    loop += "_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n"
    head = cif(ROCKSALT, symbol("F m -3 m"), "").partition("loop_")[0]
    assert len(parse_cif(head + loop + "Na1 4 0 0 0\n").numbers) == 4
    with pytest.raises(
        UnusableRecordError, match="Na1 has a multiplicity of 2, its symmetry operations make 4"
    ):
        parse_cif(head + loop + "Na1 2 0 0 0\n")


PAIR = ("x,y,z", "-x,-y,z")


def listed(tag: str, operations) -> str:
    return f"loop_\n{tag}\n" + "".join(f"'{op}'\n" for op in operations)


@pytest.mark.parametrize(
    "name",
    [
        "_symmetry_space_group_name_H-M '*P 1 1 2'",
        "_symmetry_space_group_name_H-M unknown",
        "_space_group_name_H-M_alt 'P 1 1 2 (nonstandard)'",
        "_space_group_name_Hall 'P 2 or so'",
        "_symmetry_Int_Tables_number 0",
        "_symmetry_space_group_name_H-M 'P 1 1 2'\n_space_group_name_H-M_full 'P one one two'",
    ],
)
def test_a_name_that_cannot_be_read_is_none_beside_operations(name):
    """The American Mineralogist's database marks origins with a star; operations say what all names mean."""
    symmetry = f"{name}\n{listed('_symmetry_equiv_pos_as_xyz', PAIR)}"
    assert len(parse_cif(cif((5, 6, 7, 90, 90, 90), symmetry, "Na1 .1 .2 .3\n")).numbers) == 2
    with pytest.raises(UnusableRecordError):  # the identity alone may be what is left of more
        parse_cif(cif((5, 6, 7, 90, 90, 90), symmetry.replace("'-x,-y,z'\n", ""), "Na1 .1 .2 .3\n"))


ALT, OLD = "_space_group_name_H-M_alt", "_symmetry_space_group_name_H-M"
PLACE = "_space_group_IT_number 225\n_symmetry_Int_Tables_number"


@pytest.mark.parametrize(
    ("symmetry", "reason"),
    [
        (f"{OLD} 'F m -3 m'\n{ALT} 'P m -3 m'", "two space groups"),
        (f"{PLACE} 221", "two space groups"),
        (f"{OLD} 'F m -3 m'\n_space_group_name_H-M_ref 'P m -3 m'", "two space groups"),
        ("_space_group_name_Hall '-F 4 2 3'\n_symmetry_space_group_name_Hall '-P 4 2 3'", "two space groups"),
        (
            listed("_symmetry_equiv_pos_as_xyz", PAIR) + listed("_space_group_symop_operation_xyz", PAIR[:1]),
            "two sets of symmetry operations",
        ),
    ],
)
def test_two_names_of_one_kind_are_held_to_each_other(symmetry, reason):
    with pytest.raises(UnusableRecordError, match=reason):
        parse_cif(cif((5, 5, 5, 90, 90, 90), symmetry, "Na1 0 0 0\n"))


def test_two_symbols_of_one_group_mean_the_setting_both_may_mean():
    cell, atom = (5.43, 5.43, 5.43, 90, 90, 90), "Si1 .125 .125 .125\n"
    both = f"{ALT} 'F d -3 m :2'\n{OLD} 'F d -3 m'"
    assert len(parse_cif(cif(cell, both, atom)).numbers) == 8
    assert len(parse_cif(cif(cell, f"_space_group_IT_number 227\n{both}", atom)).numbers) == 8
    with pytest.raises(UnusableRecordError, match=r"may be .* none of these"):
        parse_cif(cif((5, 6, 7, 90, 100, 90), f"{ALT} 'P 1 21/n 1'\n{OLD} 'P 1 21/c 1'", "Si1 .1 .2 .3\n"))
    reference = f"{ALT} 'P 1 21/n 1'\n_space_group_name_H-M_ref 'P 1 21/c 1'"
    assert len(parse_cif(cif((5, 6, 7, 90, 100, 90), reference, "Si1 .1 .2 .3\n")).numbers) == 4
