"""What typesetters make of plain text is undone, and nothing else changes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epitaxy.geometry.symmetry import plain_symbol, space_group_number
from epitaxy.geometry.typography import plain_formula, plain_text

MINUS = "\u2212\u2013\u2014\u2010\u2011\uff0d"
SPACES = "\u00a0\u2009\u202f\u3000"


@given(st.text(st.characters(max_codepoint=127)))
def test_ascii_stays_what_it_is(text):
    assert plain_text(text) == text


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(MINUS), st.booleans())
def test_a_number_is_the_same_number_however_it_is_set(value, minus, wide):
    text = repr(value).replace("-", minus)
    if wide:
        text = "".join(chr(ord(c) + 0xFEE0) if c.isdigit() or c == "." else c for c in text)
    assert float(plain_text(text)) == value


@pytest.mark.parametrize("text", ["10\u00b2", "0.5\u2082", "\u0661", "\u00bd"])
def test_what_is_no_twin_of_a_digit_becomes_none(text):
    assert plain_text(text) == text


@pytest.mark.parametrize(
    "text", ["SrTiO\u2083", "SrTiO_3", "SrTiO_{3}", "SrTiO~3~", "SrTiO<sub>3</sub>", "\uff33rTiO3"]
)
def test_counts_of_a_formula_are_on_the_line(text):
    assert plain_formula(text) == "SrTiO3"


QUOTES = ["{}", "'{}'", '"{}"', "\u2018{}\u2019", "\u201c{}\u201d", " {} "]
BARS = ["3\u0305", "3\u0304", "\u03053", "\u00af3", r"\bar{3}", r"\bar 3", "bar3", r"\=3", "<o>3</o>"]


@pytest.mark.parametrize("bar", [*BARS, *(f"{minus}3" for minus in MINUS)])
@given(st.sampled_from(SPACES), st.sampled_from(QUOTES))
def test_a_bar_is_a_minus_sign_in_any_setting(bar, space, quotes):
    text = quotes.format(f"F{space}d {bar} m")
    assert plain_symbol(text) == "F d -3 m"
    assert space_group_number(text) == 227


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *((f"P{axis}/mmc", 194) for axis in ("6\u2083", "6(3)", "6<sub>3</sub>", "6~3~", "6_3", "6_{3}")),
        *((text, 14) for text in ("P2(1)/c", "P 2\u2081/c", "P 1 2(1)/c 1")),
        *((text, 225) for text in ("225.0", "\uff12\uff12\uff15", " 225. ", "Fm\u20133m", "Fm3\u0305m")),
        *((text, 2) for text in ("P 1\u0305", "P \u22121", "P1\u0304")),
        ('P 3 2"', 150),  # Hall's: the last sign is no quote
        ("P n -3 (1)", 201),
        ("F d -3 m (2)", 227),
        ("P -3 1 m", 162),
        ("P 3\u0305 1 m", 162),
    ],
)
def test_groups_in_any_setting(text, number):
    assert space_group_number(text) == number


@pytest.mark.parametrize("text", ["225.5", "2\u00b2", "Fm3\u0305\u03053m", "\u2212", "P\u2087"])
def test_what_is_still_no_group(text):
    with pytest.raises(ValueError, match="1 to 230"):
        space_group_number(text)
