"""Space groups by name: every tabulated spelling of every setting, and nothing that only looks like one."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from epitaxy.geometry.symmetry import (
    count_occupations,
    crystal_system,
    space_group,
    space_group_number,
    wyckoff_table,
)

# International Tables A: spellings that files have, with the number that is meant.
SPELLINGS = {
    225: [" 225 ", "Fm-3m", "FM-3M", "F m -3 m", "F_m_-3_m", "Fm3m", "F 4/m -3 2/m", "-F 4 2 3"],
    227: ["Fd-3m", "F d -3 m :1", "Fd-3m:2", "F d -3 m S", "F d -3 m Z", "F 41/d -3 2/m", "F4_1/d-32/m:1"],
    221: ["P m -3 m", "Pm3m", "Pm\u22123m", r"Pm\bar{3}m", "$Pm\\bar{3}m$"],
    166: ["R-3m", "R -3 m :H", "R -3 m :R", "R-3m:h", "R -3 m R"],
    194: ["P63/mmc", "P6_3/mmc", "P 63/m m c", "P 63/m 2/m 2/c", "P6_{3}/mmc"],
    62: ["Pnma", "P n m a", "'P n m a'", "Pbnm", "P m c n", "P 21/n 21/m 21/a"],
    14: ["P21/c", "P2_1/c", "P 1 21/c 1", "P 21/n", "P21/a", "P 1 1 21/b"],
    64: ["Cmce", "Cmca", "C m c a"], 15: ["C2/c", "C 1 2/c 1", "I2/a", "A 2/n"], 5: ["C2", "C 2", "C 1 2 1"],
    1: ["P1", "p 1"], 2: ["P-1", "P -1"], 145: ["P32", "P 32", "P3_2"], 149: ["P312", "P 3 1 2"],
    151: ["P3112", "P 31 1 2", "P3_112"], 154: ["P3221", "P3_221"], 141: ["I41/amd", "I 41/a m d :2"],
}  # fmt: skip


@pytest.mark.parametrize(("number", "spelling"), [(n, s) for n, names in SPELLINGS.items() for s in names])
def test_spellings(number, spelling):
    assert space_group_number(spelling) == number


@given(st.integers(1, 230), st.data())
def test_the_table_s_own_symbols_in_any_case_and_with_spaces_anywhere(number, data):
    symbol = space_group(number).symbol
    gaps = data.draw(st.lists(st.sampled_from(["", "_", ""]), min_size=len(symbol), max_size=len(symbol)))
    spelled = "".join(c + gap for c, gap in zip(symbol, gaps, strict=True))
    for text in (symbol, symbol.lower(), symbol.upper(), spelled):
        assert space_group_number(text) == number
    assert space_group(symbol) is space_group(number)


@pytest.mark.parametrize(
    "wrong",
    [0, 231, -1, True, None, 2.0, "0", "231", "", "-", "Fm-4m", "P", "Pnmaa", "cubic", "\0", "9" * 5000],
)
def test_what_is_no_space_group(wrong):
    # Where the tests run with the shape hook, it may speak first.
    with pytest.raises((ValueError, TypeError), match=r"1 to 230|Type-check"):
        space_group_number(wrong)


def test_a_symbol_of_two_groups_is_refused():
    with pytest.raises(ValueError, match="Hall"):
        space_group_number("P 3 2")  # Hall's for P312, and P32 with a space too many


def test_symbols_are_taken_where_numbers_are():
    assert crystal_system("Pnma") == "orthorhombic"
    assert count_occupations("Fm-3m", {11: 4, 17: 4}) == count_occupations(225, {11: 4, 17: 4})
    assert wyckoff_table().index("Fm-3m", "a") == wyckoff_table().index(225, "a")
    assert space_group_number(torch.tensor(225)) == 225


def test_groups_and_positions_show_themselves_in_a_word():
    assert repr(space_group("Fm-3m")) == "SpaceGroup(225, 'Fm-3m')"
    assert repr(space_group(225).positions[0]) == "WyckoffPosition(225, '4a')"
