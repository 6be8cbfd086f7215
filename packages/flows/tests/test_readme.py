import re
from pathlib import Path

import epitaxy.flows


def readme() -> str:
    return (Path(__file__).parents[1] / "README.md").read_text()


def test_examples_run():
    blocks = re.findall(r"```python\n(.*?)```", readme(), flags=re.DOTALL)
    assert len(blocks) >= 3
    for block in blocks:
        exec(block, {})


def test_every_public_name_is_in_the_table():
    text = readme()
    assert [name for name in epitaxy.flows.__all__ if f"`{name}`" not in text] == []
