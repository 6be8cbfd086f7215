"""What the READMEs say is what happens: their python blocks run, their SrTiO3 command too."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from ase.io import read
from pymatgen.core import Lattice, Structure

ROOT = Path(__file__).parents[2]
FILES = ("README.md", "packages/apps/README.md")


def blocks(file: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / file).read_text(), re.DOTALL)


def run(command: list[str], folder: Path) -> str:
    environment = os.environ | {
        "OMP_NUM_THREADS": "1",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    answer = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, timeout=250)
    assert answer.returncode == 0, answer.stderr[-3000:]
    return answer.stdout


COMMANDS = """
import contextlib, io, json, sys
from importlib.metadata import entry_points
answers = []
for words in json.loads(sys.argv[1]):
    sys.argv = words
    script = next(iter(entry_points(group="console_scripts", name=words[0]))).load()
    with contextlib.redirect_stdout(io.StringIO()) as said:
        try:
            script()
        except SystemExit as end:
            assert not end.code, words
    answers.append(said.getvalue())
print(json.dumps(answers))
"""


def answers(commands: list[list[str]], folder: Path) -> list[str]:
    """Run commands by their entry points, one after another in one process: its imports take the longest."""
    said = run([sys.executable, "-c", COMMANDS, json.dumps(commands)], folder)
    found: list[str] = json.loads(said.splitlines()[-1])
    return found


BLOCKS = "import json, sys\nfor block in json.loads(sys.argv[1]): exec(block, {'__name__': '__main__'})"


@pytest.mark.parametrize("file", FILES)
def test_python_blocks_run(file: str, tmp_path: Path) -> None:
    """Each by itself: no block sees another's names."""
    found = blocks(file, "python")
    assert found
    run([sys.executable, "-c", BLOCKS, json.dumps(found)], tmp_path)


def test_candidates_for_strontium_titanate(tmp_path: Path) -> None:
    lines = [line for block in blocks("README.md", "bash") for line in block.splitlines()]
    command = next(line for line in lines if line.startswith("crysbfn sample crysbfn-perov-small"))
    run(command.split(), tmp_path)
    frames = read(tmp_path / "titanate" / "samples.extxyz", index=":")
    assert len(frames) == 20
    assert all(sorted(frame.symbols) == ["O", "O", "O", "Sr", "Ti"] for frame in frames)
    assert len(list((tmp_path / "titanate" / "cif").glob("*.cif"))) == 20


VERBS = r"(?:train|sample|info|data \w+|eval \w+|relax|compare|plot|search|models|quickstart)"


def documents() -> list[str]:
    pages = [*ROOT.glob("docs/**/*.md"), *ROOT.glob("packages/*/README.md"), ROOT / "README.md"]
    return sorted(str(page.relative_to(ROOT)) for page in pages)


def test_every_option_in_the_docs_exists() -> None:
    """Options in the documents' command blocks are options of the command."""
    used = [
        (file, app, verb, re.findall(r"(?<!\S)(--[a-z-]+)", rest.split("#")[0]))
        for file in documents()
        for block in blocks(file, "bash")
        for app, verb, rest in re.findall(
            rf"\b(crysbfn|kldm|symmbfn|geobfn|epitaxy) ({VERBS})\b([^\n]*)", block.replace("\\\n", " ")
        )
    ]
    asked = list(dict.fromkeys((app, verb) for _, app, verb, _ in used))
    helps = answers([[app, *verb.split(), "--help"] for app, verb in asked], ROOT)
    known = dict(zip(asked, helps, strict=True))
    for file, app, verb, options in used:
        for option in options:
            assert option in known[app, verb], f"{file}: {app} {verb} has no {option}"
    assert len(known) > 8


def test_crystals_of_a_given_symmetry(tmp_path: Path) -> None:
    lines = [line.split("#")[0] for block in blocks("README.md", "bash") for line in block.splitlines()]
    commands = [line for line in lines if line.startswith("symmbfn sample")]
    assert len(commands) == 5
    perovskite = Structure.from_spacegroup(
        "Pm-3m", Lattice.cubic(3.9), ["Sr", "Ti", "O"], [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0]]
    )
    perovskite.to(filename=str(tmp_path / "mine.cif"))
    answers([[*command.split(), "--steps", "20"] for command in commands], tmp_path)
    frames = read(tmp_path / "cubic" / "samples.extxyz", index=":")
    assert sorted({frame.info["spacegroup"] for frame in frames}) == [62, 225]
    titanates = read(tmp_path / "titanates" / "samples.extxyz", index=":")
    assert {frame.info["formula"] for frame in titanates} == {"SrTiO3"}
    oxides = read(tmp_path / "oxides" / "samples.extxyz", index=":")
    assert {frozenset(frame.symbols) for frame in oxides} == {frozenset({"Li", "Fe", "O"})}
    assert len(list((tmp_path / "asked" / "cif").glob("*.cif"))) == 10
    completed = read(tmp_path / "symmetric" / "samples.extxyz", index=":")
    assert {frame.info["spacegroup"] for frame in completed} == {221}
    assert all(list(frame.symbols[:2]) == ["Sr", "Ti"] for frame in completed)
