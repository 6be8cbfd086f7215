"""What typesetters make of plain text, undone: dashes for minus signs, wide digits, unbreakable spaces."""

import re

_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2212\ufe63"), "-")
_SPACES = dict.fromkeys(map(ord, "\u00a0\u1680\u202f\u205f\u3000"), " ") | dict.fromkeys(
    range(0x2000, 0x200B), " "
)
_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"), None)
_WIDE = {code + 0xFEE0: chr(code) for code in range(0x21, 0x7F)}
_PLAIN: dict[int, str | None] = {
    **_DASHES, **_SPACES, **_INVISIBLE, **_WIDE, 0x2044: "/", 0x2215: "/"
}  # fmt: skip
SUBSCRIPTS = {0x2080 + digit: str(digit) for digit in range(10)}
"""Digits by the code points of their subscripts."""

_MARKED = re.compile(r"<sub>([\d.]{1,9})</sub>|_\{?([\d.]{1,9})\}?|~([\d.]{1,9})~", re.IGNORECASE)


def plain_text(text: str) -> str:
    """Write signs, digits, letters and spaces that have an ASCII twin as that; all else stays.

    Superscripts and subscripts stay what they are: in a number they would become digits of it.

    >>> plain_text("\u22120.5\u00a0\uff11")
    '-0.5 1'
    """
    return text if text.isascii() else text.translate(_PLAIN)


def plain_formula(text: str) -> str:
    """Write a chemical formula with its counts on the line.

    >>> plain_formula("SrTiO\u2083"), plain_formula("SrTiO_3"), plain_formula("SrTiO<sub>3</sub>")
    ('SrTiO3', 'SrTiO3', 'SrTiO3')
    """
    plain = _MARKED.sub(lambda count: count[1] or count[2] or count[3], text)
    return plain if plain.isascii() else plain.translate({**_PLAIN, **SUBSCRIPTS})
