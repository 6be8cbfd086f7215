import re
from pathlib import Path

import epitaxy.data

README = (Path(__file__).parents[1] / "README.md").read_text()


def test_the_example_runs():
    (example,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    exec(example, {})


def test_every_public_name_is_in_the_table():
    assert [name for name in epitaxy.data.__all__ if f"`{name}`" not in README] == []
