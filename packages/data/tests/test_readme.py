import re
from pathlib import Path

import epitaxy.data
import epitaxy.data.molecules
import epitaxy.data.wyckoff

README = (Path(__file__).parents[1] / "README.md").read_text()


def test_the_examples_run(tmp_path, monkeypatch, embedded_cache):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EPITAXY_CACHE", str(embedded_cache))
    examples = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert len(examples) == 3
    for example in examples:
        exec(example, {})


def test_every_public_name_is_in_the_table():
    names = [*epitaxy.data.__all__, *epitaxy.data.molecules.__all__, *epitaxy.data.wyckoff.__all__]
    assert [name for name in names if f"`{name}`" not in README] == []
