import importlib.util
import itertools
import re
import subprocess
import sys
import time
from importlib.resources import files
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor

from epitaxy.geometry.symmetry import (
    SITE_AXES,
    SITE_CLASSES,
    TABLE_CHECKSUM,
    WyckoffPosition,
    _frozen,
    crystal_system,
    site_symmetry_matrix,
    space_group,
    wyckoff_table,
)

# spglib announces a change of how it reports errors at every call.
pytestmark = pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING")

CELL = 24
SCRIPT = Path(__file__).parents[1] / "scripts" / "make_space_groups.py"
EVERY_GROUP = range(1, 231)
# Which rotations (and, negative, rotoinversions) by their order make the group about an axis.
ABOUT = {
    "1": {1}, "-1": {1, -1}, "2": {1, 2}, "m": {1, -2}, "3": {1, 3}, "4": {1, 2, 4}, "-4": {1, 2, -4},
    "2/m": {1, -1, 2, -2}, "-3": {1, -1, 3, -3}, "6": {1, 2, 3, 6}, "-6": {1, -2, 3, -6},
    "4/m": {1, -1, 2, -2, 4, -4}, "6/m": {1, -1, 2, -2, 3, -3, 6, -6},
}  # fmt: skip


def keys(rotations: Tensor, translations: Tensor) -> Tensor:
    """One integer an operator."""
    digits = torch.cat([(rotations + 1).flatten(-2), translations % CELL], dim=-1)
    return (digits * torch.tensor([CELL**power for power in range(12)])).sum(-1)


def positions() -> list[WyckoffPosition]:
    return [position for number in EVERY_GROUP for position in space_group(number).positions]


def script() -> ModuleType:
    if not SCRIPT.exists():
        pytest.skip("the script that makes the table is in the repository only")
    spec = importlib.util.spec_from_file_location("make_space_groups", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_operators_of_every_group_form_a_group():
    for number in EVERY_GROUP:
        group = space_group(number)
        known = keys(group.rotations, group.translations)
        assert torch.equal(group.rotations[0], torch.eye(3, dtype=torch.int64))
        assert not group.translations[0].any()
        assert len(known.unique()) == group.order
        rotations = group.rotations[:, None] @ group.rotations
        translations = (group.rotations[:, None] @ group.translations[..., None])[..., 0]
        products = keys(rotations, translations + group.translations[:, None])
        # A finite set that holds its products is a group; each operator permutes it.
        assert torch.equal(products.sort(-1).values, known.sort().values.expand_as(products)), number


def test_totals():
    assert len(positions()) == len(wyckoff_table().number) == 1731
    assert sum(space_group(number).order for number in EVERY_GROUP) == 4425
    assert sum(position.multiplicity for position in positions()) == 14433
    for number in EVERY_GROUP:
        group = space_group(number)
        general = group.positions[-1]
        assert general.multiplicity == group.order
        assert general.freedom == 3
        assert [position.letter for position in group.positions] == list(
            "abcdefghijklmnopqrstuvwxyzA"[: len(group.positions)]
        )
        assert all(torch.linalg.matrix_rank(p.maps.double()).eq(p.freedom).all() for p in group.positions)


def test_shared_site_symmetries():
    table = wyckoff_table()
    rows = torch.stack([table.number, table.site_row], dim=-1)
    _, inverse, counts = rows.unique(dim=0, return_inverse=True, return_counts=True)
    shared = counts[inverse] > 1
    assert int(shared.sum()) == 983
    assert len(table.number[shared].unique()) == 171
    assert len(table.site_rows) == 83


def test_every_stabiliser_fixes_its_position_and_has_its_site_symmetry():
    orders = {3: 1, -1: 2, 0: 3, 1: 4, 2: 6}
    axes = torch.tensor(SITE_AXES)
    for position in positions():
        group = space_group(position.number)
        rotations, translations = group.site_symmetry(position.letter)
        assert len(rotations) * position.multiplicity == group.order
        # Every point of the first member stays where it is, exactly and not only up to whole cells.
        matrix, offset = position.maps[0], position.offsets[0]
        assert torch.equal(rotations @ matrix, matrix.expand_as(rotations))
        assert torch.equal(rotations @ offset + translations, offset.expand_as(translations))
        # The projector is their mean.
        torch.testing.assert_close(rotations.double().mean(0), position.projector, rtol=0, atol=1e-15)
        mean = translations.double().mean(0) / CELL
        torch.testing.assert_close(mean, position.projector_offset, rtol=0, atol=1e-15)
        # Recount the classes: an operation is about an axis if, but for its inversion, it keeps it.
        sign = torch.linalg.det(rotations.double()).round().long()
        proper = rotations * sign[:, None, None]
        trace = proper.diagonal(dim1=-2, dim2=-1).sum(-1)
        order = torch.tensor([orders[t] for t in trace.tolist()]) * sign
        keeps = (proper @ axes.T == axes.T).all(-2)
        found = [set(order[keeps[:, axis]].tolist()) for axis in range(15)]
        assert found == [ABOUT[SITE_CLASSES[c]] for c in position.site_classes.tolist()], position.label


def test_every_operation_about_an_axis_is_about_one_of_the_fifteen():
    axes = torch.tensor(SITE_AXES)
    for number in EVERY_GROUP:
        rotations = space_group(number).rotations
        proper = rotations * torch.linalg.det(rotations.double()).round().long()[:, None, None]
        turns = (proper != torch.eye(3, dtype=torch.int64)).flatten(1).any(1)
        assert ((proper @ axes.T == axes.T).all(-2).sum(-1)[turns] == 1).all(), number


def test_members_are_images_of_the_first_and_different():
    for position in positions():
        group = space_group(position.number)
        rotations = group.rotations[position.operators]
        assert torch.equal(position.maps, rotations @ position.maps[0])
        moved = rotations @ position.offsets[0] + group.translations[position.operators]
        assert torch.equal(moved % CELL, position.offsets)
        assert torch.equal(position.maps[0] @ position.maps[0], position.maps[0])
        both = torch.cat([position.maps.flatten(1), position.offsets], dim=-1)
        assert len(both.unique(dim=0)) == position.multiplicity


# Classes by PyXtal's numbering, from the notes on SymmCD; the last two axes are [120] and [210].
KNOWN_CLASSES = [
    (225, "a", [11, 11, 11, 8, 8, 8, 8, 7, 7, 7, 7, 7, 7, 1, 1]),
    (225, "b", [11, 11, 11, 8, 8, 8, 8, 7, 7, 7, 7, 7, 7, 1, 1]),
    (225, "c", [6, 6, 6, 4, 4, 4, 4, 3, 3, 3, 3, 3, 3, 0, 0]),
    (225, "e", [5, 3, 3, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0]),
    (225, "j", [3] + [0] * 14),
    (225, "l", [0] * 15),
    (62, "c", [0, 3] + [0] * 13),
    # The groups that PyXtal's older tables had wrong: 2 on [100] in P321, and all six axes of P6/mmm.
    (150, "e", [2] + [0] * 14),
    (191, "a", [7, 7, 12, 1, 1, 1, 1, 7, 7, 1, 1, 1, 1, 7, 7]),
]


@pytest.mark.parametrize(("number", "letter", "classes"), KNOWN_CLASSES)
def test_known_site_symmetries(number: int, letter: str, classes: list[int]):
    table = wyckoff_table()
    assert space_group(number).position(letter).site_classes.tolist() == classes
    matrix = site_symmetry_matrix(table.site_class[table.index(number, letter)])
    assert matrix.shape == (15, 13)
    assert matrix.argmax(-1).tolist() == classes
    assert matrix.sum() == 15


def test_known_positions():
    rock_salt = space_group(225)
    assert rock_salt.symbol == "Fm-3m"
    assert rock_salt.crystal_system == "cubic"
    assert [p.label for p in rock_salt.positions] == [
        "4a", "4b", "8c", "24d", "24e", "32f", "48g", "48h", "48i", "96j", "96k", "192l"
    ]  # fmt: skip
    assert rock_salt.position("c").offsets[0].tolist() == [6, 6, 6]
    # Origin choice 2: 8a of Fd-3m at 1/8, and the inversion at the origin.
    diamond = space_group(227)
    assert diamond.hall_number == 526
    assert diamond.position("a").offsets[0].tolist() == [3, 3, 3]
    assert space_group(166).hall_number == 458  # hexagonal axes
    assert space_group(14).hall_number == 81  # P 1 21/c 1
    assert space_group(47).position("A").multiplicity == 8
    table = wyckoff_table()
    assert table.label(table.index(47, "A")) == "8A"
    assert table.label(table.index(225, "h")) == "48h"


def test_systems():
    first = {1: "triclinic", 3: "monoclinic", 16: "orthorhombic", 75: "tetragonal", 143: "trigonal",
             168: "hexagonal", 195: "cubic"}  # fmt: skip
    names = [crystal_system(number) for number in EVERY_GROUP]
    assert [(n + 1, name) for n, name in enumerate(names) if n == 0 or names[n - 1] != name] == list(
        first.items()
    )


@pytest.mark.parametrize("number", [0, 231, -1])
def test_a_group_outside_the_range_is_refused(number: int):
    with pytest.raises(ValueError, match=f"numbers 1 to 230, not {number}"):
        space_group(number)


def test_an_unknown_letter_is_refused():
    with pytest.raises(ValueError, match="space group 2 has the Wyckoff letters a to i, not 'z'"):
        wyckoff_table().index(2, "z")


def test_the_table_moves_between_dtypes():
    table = wyckoff_table()
    assert wyckoff_table() is table
    single = table.to(dtype=torch.float32)
    assert single.operator.dtype == torch.float32
    assert single.freedom.dtype == torch.int64
    assert table.operator.dtype == torch.float64


def test_the_file_is_small_and_loads_fast():
    file = files("epitaxy.geometry.symmetry") / "space_groups.npz"
    assert len(file.read_bytes()) < 2_000_000
    seconds = []
    for _ in range(3):
        _frozen.frozen_table.cache_clear()
        wyckoff_table.cache_clear()
        begin = time.perf_counter()
        wyckoff_table()
        seconds.append(time.perf_counter() - begin)
    assert min(seconds) < 0.2


def test_nothing_is_loaded_at_import():
    code = (
        "import sys, epitaxy.geometry.symmetry as s; from epitaxy.geometry.symmetry import _frozen;"
        "heavy = {'spglib', 'pyxtal', 'pymatgen', 'scipy'} & set(sys.modules);"
        "sys.exit(', '.join(heavy) or _frozen.frozen_table.cache_info().currsize)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_another_version_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_frozen, "TABLE_VERSION", 99)
    with pytest.raises(ValueError, match="version 1, not 99: reinstall"):
        _frozen.frozen_table.__wrapped__()


def test_the_file_is_the_one_of_the_checksum():
    import numpy as np

    with np.load(str(files("epitaxy.geometry.symmetry") / "space_groups.npz"), allow_pickle=False) as shipped:
        assert script().checksum(dict(shipped)) == TABLE_CHECKSUM


def test_operators_are_spglibs():
    spglib = pytest.importorskip("spglib", reason="spglib is not installed")
    for number in EVERY_GROUP:
        group = space_group(number)
        kind = spglib.get_spacegroup_type(group.hall_number)
        assert (kind.number, kind.international_short) == (number, group.symbol)
        theirs = spglib.get_symmetry_from_database(group.hall_number)
        shifts = torch.from_numpy(theirs["translations"] * CELL).round().long()
        known = keys(torch.from_numpy(theirs["rotations"]).long(), shifts)
        assert torch.equal(known.sort().values, keys(group.rotations, group.translations).sort().values)


def test_letters_are_those_spglib_finds():
    pytest.importorskip("spglib", reason="spglib is not installed")
    import numpy as np

    with np.load(str(files("epitaxy.geometry.symmetry") / "space_groups.npz"), allow_pickle=False) as shipped:
        script().check_letters(dict(shipped))


def test_the_script_makes_the_same_table():
    pytest.importorskip("pyxtal", reason="pyxtal is not installed: only it can make the table again")
    module = script()
    assert module.checksum(module.make_table()) == TABLE_CHECKSUM


def test_axes_and_classes_are_the_scripts():
    module = script()
    assert module.AXES == SITE_AXES
    assert {c: {1} | set(orders) for orders, c in module.CLASSES.items()} == {
        index: ABOUT[name] for index, name in enumerate(SITE_CLASSES)
    }
    assert not any(
        abs(sum(u * v for u, v in zip(a, b, strict=True))) ** 2
        == sum(u * u for u in a) * sum(v * v for v in b)
        for a, b in itertools.combinations(SITE_AXES, 2)
    )


@pytest.mark.parametrize("number", [1, 62, 148, 166, 194, 225, 230])
def test_members_are_written_as_what_they_are(number: int) -> None:
    point = {"x": 0.13, "y": 0.29, "z": 0.41}
    for position in space_group(number).positions:
        found = torch.tensor([_evaluated(member, point) for member in position.xyz()])
        free = torch.tensor(list(point.values()))
        assert torch.allclose(found, position.maps.float() @ free + position.offsets / CELL, atol=1e-5)


def _evaluated(member: str, point: dict[str, float]) -> list[float]:
    spaced = re.sub(r"(\d)([xyz])", r"\1*\2", member)
    return [eval(part, {"__builtins__": {}}, point) for part in spaced.split(",")]


def test_a_position_as_the_tables_write_it() -> None:
    group = space_group("Pnma")
    assert group.position("c").xyz() == ("x,1/4,z", "-x+1/2,3/4,z+1/2", "-x,3/4,-z", "x+1/2,1/4,-z+1/2")
    assert group.position("a").xyz()[0] == "0,0,0"
    assert repr(wyckoff_table()) == "WyckoffTable(1731 positions, cpu, torch.float64)"
