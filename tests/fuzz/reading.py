"""Damage a valid file, read it by the public functions, and tell what came of it."""

import gzip
import os
import random
import re
import resource
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from seeds import CIF, MEMBERS, SEEDS, pack_tar, pack_zip

from epitaxy.data import DataError, prepare, read_structures
from epitaxy.data.molecules import prepare_molecules, read_molecules

SECONDS = 20.0
"""No input may take longer."""

MEGABYTES = 1024
"""The reading process may not grow beyond this, its libraries included."""

TOKENS = (
    *(b"", b"0", b"-1", b"1e400", b"-1e308", b"nan", b"inf", b"1.0D0", b"1_0", b"0x10", b"1,5", b"1/0", b"?"),
    *(b"1" * 5000, b"9" * 309, b"99999999", b"2147483648", b"9223372036854775808", b"1" + b"0" * 60),
    *(b"\x00", b"\xff", b"\xfc", b"\xd9\xa3", b"\xef\xbb\xbf", b"\xff\xfe", b'"', b"'", b"\\", b"\r", b"\n"),
    *(b"\n\n", b"\t", b" " * 99, b"[" * 3000, b"{" * 3000, b'{"a":' * 3000, b"[]", b"{}", b"null", b"true"),
    *(b'""', b'"\\ud800"', b"((((", b"}]", b"X", b"D", b"T", b"HO1", b"Na+", b"Xx", b"S:99999999", b"id="),
    *(b"pos:R:3:pos:R:3", b"Lattice=", b'pbc="T T F"', b"data_x\n", b"loop_\n", b"_atom_site_fract_x\n"),
    *(b"'x+1/0,y,z'", b"x" * 300, b"-" * 300, b"\n;", b"save_", b"#", b"M  END", b"$$$$\n", b"V3000"),
    *(b"M  V30 -\n", b">  <a>", b"  0  0", b"999999", b"cif", b",,,,", b";", b"sites", b"lattice", b"abc"),
    *(b"structure", b"version https://git-lfs.github.com/spec/v1\n", b"<!DOCTYPE html>", b".", CIF),
)

Step = tuple[int, float, float, int]
"""What to do, where from and to (shares of the file), and with which token."""


def damage(content: bytes, steps: list[Step]) -> bytes:
    """Apply some damage, the same for the same steps."""
    for what, first, second, token in steps:
        content = _ACTIONS[what % len(_ACTIONS)](content, first, second, TOKENS[token % len(TOKENS)])[
            :400_000
        ]
    return content


def random_steps(rng: random.Random) -> list[Step]:
    """Draw one to four steps."""
    return [
        (rng.randrange(len(_ACTIONS)), rng.random(), rng.random(), rng.randrange(len(TOKENS)))
        for _ in range(rng.choice((1, 1, 1, 2, 2, 4)))
    ]


def _slice(content: bytes, first: float, second: float) -> tuple[int, int]:
    start = int(first * (len(content) + 1))
    return start, min(len(content), start + int(40 * second))


def _flip(content: bytes, first: float, second: float, token: bytes) -> bytes:
    start = int(first * len(content))
    return content[:start] + bytes([int(second * 256)]) + content[start + 1 :]


def _delete(content: bytes, first: float, second: float, token: bytes) -> bytes:
    start, end = _slice(content, first, second)
    return content[:start] + content[end:]


def _insert(content: bytes, first: float, second: float, token: bytes) -> bytes:
    start, _ = _slice(content, first, second)
    return content[:start] + token + content[start:]


def _truncate(content: bytes, first: float, second: float, token: bytes) -> bytes:
    return content[: int(first * len(content))]


def _repeat(content: bytes, first: float, second: float, token: bytes) -> bytes:
    start, end = _slice(content, first, second)
    return content[:end] + content[start:end] * (1 + int(first * 300)) + content[end:]


def _word(content: bytes, first: float, second: float, token: bytes) -> bytes:
    """Put a token where a word or number stands: what reaches furthest into a parser."""
    words = list(re.finditer(rb"-?[\w.]+", content))
    if not words:
        return token
    chosen = words[int(first * len(words))]
    return content[: chosen.start()] + token + content[chosen.end() :]


def _swap_lines(content: bytes, first: float, second: float, token: bytes) -> bytes:
    lines = content.split(b"\n")
    i, j = int(first * len(lines)), int(second * len(lines))
    lines[i], lines[j] = lines[j], lines[i]
    return b"\n".join(lines)


def _drop_line(content: bytes, first: float, second: float, token: bytes) -> bytes:
    lines = content.split(b"\n")
    del lines[int(first * len(lines))]
    return b"\n".join(lines)


def _splice(content: bytes, first: float, second: float, token: bytes) -> bytes:
    other = list(SEEDS.values())[int(second * len(SEEDS))]
    start, _ = _slice(content, first, second)
    return content[:start] + other + content[start:]


_ACTIONS: tuple[Callable[[bytes, float, float, bytes], bytes], ...] = (
    *(_word, _word, _word, _flip, _delete, _insert, _truncate, _repeat, _swap_lines, _drop_line, _splice),
)


def inside(name: str, steps: list[Step]) -> bytes:
    """Damage what a compressed file or archive holds, and pack it again; other files as they are."""
    if name.endswith((".zip", ".tar", ".tar.gz")):
        chosen = list(MEMBERS)[steps[0][3] % 3]
        members = MEMBERS | {chosen: damage(MEMBERS[chosen], steps)}
        packed = pack_zip(members) if name.endswith(".zip") else pack_tar(members)
        return gzip.compress(packed) if name.endswith(".gz") else packed
    if name.endswith(".gz"):
        return gzip.compress(damage(gzip.decompress(SEEDS[name]), steps))
    return damage(SEEDS[name], steps)


class Finding(NamedTuple):
    """What must not be: an exception that is no `DataError`, or too much time or memory."""

    name: str
    what: str


def findings(folder: Path, name: str, content: bytes, *, prepared: bool = False) -> Iterator[Finding]:
    """Read a file by whatever reads such names, and yield what must not be."""
    path = folder / name
    path.write_bytes(content)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # of other tests of this process
    for read in _readings(path, prepared):
        started = time.monotonic()
        try:
            read()
        except DataError as error:
            if "\n" in str(error) or len(str(error)) > 2000:
                yield Finding(name, f"not one sentence: {str(error)[:200]!r}")
        except Exception:
            yield Finding(name, traceback.format_exc())
        if (taken := time.monotonic() - started) > SECONDS:
            yield Finding(name, f"took {taken:.0f} s")
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    if peak > MEGABYTES:
        yield Finding(name, f"took {peak:.0f} MB")


def _readings(path: Path, prepared: bool) -> Iterator[Callable[[], object]]:
    if not path.name.endswith((".sdf", ".sdf.gz", ".mol", ".npz")):
        yield lambda: list(read_structures(path))
        if prepared:
            yield lambda: prepare(path, workers=1)
    if "xyz" in path.name or path.name.endswith((".sdf", ".sdf.gz", ".mol", ".npz")):
        yield lambda: list(read_molecules(path))
        if prepared:
            yield lambda: prepare_molecules(path)


def trial(folder: Path, number: int) -> list[Finding]:
    """Make and read the input of this number, the same each time."""
    rng = random.Random(number)
    name = rng.choice(list(SEEDS))
    steps = random_steps(rng)
    packed = name.endswith((".gz", ".zip", ".tar")) and rng.random() < 0.7
    content = inside(name, steps) if packed else damage(SEEDS[name], steps)
    os.environ["EPITAXY_CACHE"] = str(folder / "cache")
    return list(findings(folder, name, content, prepared=number % 10 == 0))
