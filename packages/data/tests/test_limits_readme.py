"""The README's table of limits is the limits."""

import re
from pathlib import Path

from epitaxy.data import _limits

README = Path(__file__).parents[1] / "README.md"


def test_every_limit_is_in_the_readme_with_its_value() -> None:
    told = dict(re.findall(r"^\| `([A-Z_]+)` \| ([\d,.]+) \|", README.read_text(encoding="utf-8"), re.M))
    limits = {name: f"{value:,}" for name, value in vars(_limits).items() if name.isupper()}
    assert told == limits
