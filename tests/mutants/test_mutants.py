"""The tool itself, on a module of five lines; and that every module has tests that concern it."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip(
    "cosmic_ray", reason="cosmic-ray comes with `nox -s mutants`, which runs these tests first"
)

import deliberate
import survivors
from concern import PACKAGES, concerning, modules
from drawing import draw, mutant, mutants_of
from mutations import OPERATORS, changed, places
from records import Records, digest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

TOY = """
SCALE = 2.0


def double(x: float | None) -> float:
    if x is None:
        raise ValueError("x + 1 is missing")
    return max(SCALE * x, -1000.0)
"""
TOY_TEST = """
from epitaxy_toy import double


def test_double():
    assert double(3.0) == 6.0
"""


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    folder = tmp_path / "toy"
    (folder / "src").mkdir(parents=True)
    (folder / "src/epitaxy_toy.py").write_text(TOY)
    (folder / "test_toy.py").write_text(TOY_TEST)
    (folder / "pyproject.toml").write_text("[tool.pytest.ini_options]\nmarkers = ['slow', 'gpu']\n")
    return folder


def lines(source: str) -> set[tuple[str, str]]:
    made = [mutant("m", source, operator, place) for operator, place in places(source)]
    return {(one.operator, one.becomes) for one in made if one is not None}


def test_one_place_is_changed_and_annotations_and_messages_are_not() -> None:
    found = lines(TOY)
    assert ("ReplaceBinaryOperator_Mul_Div", "return max(SCALE / x, -1000.0)") in found
    assert ("ScaleNumber", "SCALE = 2.1") in found
    assert ("SwapName", "return min(SCALE * x, -1000.0)") in found
    assert ("ReplaceUnaryOperator_Delete_USub", "return max(SCALE * x, 1000.0)") in found
    assert not [becomes for _, becomes in found if becomes.startswith(("def", "raise"))]


@pytest.mark.parametrize(
    ("operator", "before", "after"),
    [
        ("DropCall", "def f(x):\n    x.clear()\n    return x\n", "def f(x):\n    pass\n    return x\n"),
        ("DropKeyword", "y = f(1, k=2)\n", "y = f(1, **{})\n"),
        ("SwapName", "y = torch.expm1(2 * h)\n", "y = torch.exp(2 * h)\n"),
        ("ScaleNumber", "y = 0.5\n", "y = 0.525\n"),
    ],
)
def test_our_own_operators(operator: str, before: str, after: str) -> None:
    assert changed(before, operator, 0) == after
    assert changed(before, operator, 1) is None


def test_marks_among_parameters_are_no_operators() -> None:
    assert lines("def f(a, /, b, *, c):\n    return a, b, c\n") == set()


def test_how_an_object_prints_is_left_as_it_is() -> None:
    assert lines("x = field(repr=False)\n") == set()
    assert lines("x = field(init=False)\n") != set()


def test_every_mutant_is_python_and_another_program() -> None:
    source = (ROOT / "packages/flows/src/epitaxy/flows/schedules.py").read_text()
    sources = [one.source for one in mutants_of("schedules.py", source, seed=1)]
    assert len(set(sources)) == len(sources) > 50
    assert source not in sources


def test_a_seed_gives_the_same_sample_and_each_module_its_turn(toy: Path) -> None:
    (toy / "src/other.py").write_text("a = 1 + 2\n")
    names = ["src/epitaxy_toy.py", "src/other.py"]
    first, again = (list(draw(toy, names, seed=3)) for _ in range(2))
    assert first == again
    assert [one.module for one in first[:4]] == names * 2
    assert {one.digest for one in first} == {one.digest for one in draw(toy, names, seed=4)}


def test_a_kill_is_kept_and_a_survivor_is_tried_again_when_tests_change(tmp_path: Path) -> None:
    records = Records(tmp_path / "made" / "fates.sqlite")
    records.keep("a", "old", "killed")
    records.keep("b", "old", "survived")
    again = Records(tmp_path / "made" / "fates.sqlite")
    assert [again.fate(name, "old") for name in "abc"] == ["killed", "survived", None]
    assert [again.fate(name, "new") for name in "abc"] == ["killed", None, None]
    again.keep("b", "new", "killed")
    assert (again.fate("b", "new"), again.first("b")) == ("killed", "survived")
    (tmp_path / "t.py").write_text("1")
    before = digest(tmp_path, ["t.py"])
    (tmp_path / "t.py").write_text("2")
    assert digest(tmp_path, ["t.py"]) != before


JUDGE = """
import sys
sys.path.insert(0, {here!r})
from pathlib import Path
from drawing import mutants_of
from judging import Judge

toy = Path({toy!r})
judge = Judge(toy, ["src"], warm=[])
assert judge.origin("epitaxy_toy") == toy / "src/epitaxy_toy.py"
assert judge.clean(["test_toy.py"]).fate == judge.run(["test_toy.py"], 20.0).fate == "survived"
source = (toy / "src/epitaxy_toy.py").read_text()
for one in mutants_of("src/epitaxy_toy.py", source, seed=0):
    if one.becomes not in {shown!r}:
        continue
    quick = judge.quick(["test_toy.py"], (toy / one.module, one.source), 20.0)
    print(judge.judge(one, ["test_toy.py"], 20.0).fate, "|", quick and quick.fate, "|", one.becomes)
assert (toy / "src/epitaxy_toy.py").read_text() == source
"""
SHOWN = {
    "return max(SCALE / x, -1000.0)": ("killed", "killed"),
    "SCALE = 2.1": ("killed", "None"),  # no function's body: from the file alone
    "return max(SCALE * x, - 1001.0)": ("survived", "survived"),
    "if not x is None:": ("killed", "killed"),
}
"""A mutant -> its fate, and that of the quick way alone."""


def test_fates_of_a_toy(toy: Path) -> None:
    code = JUDGE.format(here=str(HERE), toy=str(toy), shown=list(SHOWN))
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=toy, check=False)
    assert run.returncode == 0, run.stderr
    told = [line.split(" | ") for line in run.stdout.splitlines()]
    assert {becomes: (fate, quick) for fate, quick, becomes in told} == SHOWN


ENTRY = """[[survivor]]
module = 'src/epitaxy_toy.py'
operator = 'NumberReplacer'
line = 'return max(SCALE * x, -1000.0)'
becomes = ['return max(SCALE * x, - 1001.0)']
reason = 'the floor is a guard'
"""


def test_accepted_survivors_are_known_by_their_words(toy: Path) -> None:
    path = toy / "survivors.toml"
    path.write_text(ENTRY)
    accepted = survivors.read(path)
    made = list(draw(toy, ["src/epitaxy_toy.py"], seed=0))
    covered = [one for one in made if accepted[0].covers(one)]
    assert [one.becomes for one in covered] == ["return max(SCALE * x, - 1001.0)"]
    assert survivors.stale(accepted, toy, []) == []
    assert "kills" in survivors.stale(accepted, toy, covered)[0]
    (toy / "src/epitaxy_toy.py").write_text("\n" + TOY.replace("1000", "999"))
    assert "is gone" in survivors.stale(accepted, toy, [])[0]
    path.write_text(survivors.entry(covered[0]))
    with pytest.raises(ValueError, match="reason"):
        survivors.read(path)
    path.write_text(survivors.entry(covered[0]).replace('reason = ""', 'reason = "a guard"'))
    assert survivors.read(path)[0].covers(covered[0])


def test_every_accepted_survivor_has_a_reason_and_a_known_operator() -> None:
    accepted = survivors.read(HERE / "survivors.toml")
    assert {entry.operator for entry in accepted} <= set(OPERATORS)
    assert {entry.module for entry in accepted} <= set(modules(ROOT))


def test_a_deliberate_error_is_made_and_undone_and_its_killer_is_named(toy: Path) -> None:
    error = deliberate.Error("scale", "packages/toy/src/epitaxy/toy/toy.py", "SCALE = 2.0", "SCALE = 3.0")
    module = toy / error.module
    module.parent.mkdir(parents=True)
    module.write_text(TOY)
    tests = module.parents[3] / "tests"
    tests.mkdir()
    (tests / "test_toy.py").write_text(TOY_TEST.replace("epitaxy_toy", "epitaxy.toy.toy"))
    name = "packages/toy/tests/test_toy.py::test_double"
    assert deliberate.killer(error, toy) == name
    assert module.read_text() == TOY
    assert deliberate.killer(replace(error, right="-1000.0", wrong="-1001.0"), toy) is None
    with pytest.raises(ValueError, match="0 times"):
        deliberate.killer(replace(error, right="SCALE = 4.0"), toy)


@pytest.mark.parametrize("error", deliberate.ERRORS, ids=lambda error: error.name)
def test_every_deliberate_error_can_still_be_made(error: deliberate.Error) -> None:
    """That none of them lives takes a quarter of an hour: ``nox -s mutants -- --deliberate``."""
    source = (ROOT / error.module).read_text()
    assert source.count(error.right) == 1
    compile(source.replace(error.right, error.wrong), error.module, "exec")


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_has_tests_that_concern_it(package: str) -> None:
    for module in modules(ROOT, (package,)):
        tests = concerning(ROOT, module)
        assert tests, f"{module}: no tests are named after it; give it a line in concern.py"
        assert [name for name in tests if not (ROOT / name).is_file()] == []
