import re
from pathlib import Path

import epitaxy.eval

README = (Path(__file__).parents[1] / "README.md").read_text()


def test_the_example_runs(capsys):
    (block,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    exec(compile(block, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert printed.startswith("1.0 ")
    assert "'structural_validity': 0.66" in printed


def test_every_public_name_is_listed():
    table = README.split("## Public names")[1]
    assert [name for name in epitaxy.eval.__all__ if f"`{name}" not in table] == []
