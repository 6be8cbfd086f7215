"""Outcomes on disk: JSON lines, a file a chunk, read without pickle.

``CACHE/NAME-vVERSION-HASH/`` holds ``about.json``, which says for people what the hash stands for, and
``*.jsonl``. Files are written once, under names of their own, so that several processes may fill a folder
together. Each line has a checksum: one that is damaged, or was changed by hand, is as good as none.
"""

import hashlib
import json
import os
import re
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from epitaxy.eval.isolation import Done, Failed

Outcome = Done[Any] | Failed


def about_task(name: str, version: int, parameters: Mapping[str, Any]) -> str:
    """Name a task and all that its results depend on, but for the item."""
    return json.dumps({"name": name, "version": version, "parameters": dict(parameters)}, sort_keys=True)


class Store:
    """What is kept of one task, version and set of parameters."""

    def __init__(self, cache: Path, name: str, version: int, parameters: Mapping[str, Any]) -> None:
        if not re.fullmatch(r"[a-z0-9][a-z0-9_.-]*", name):
            raise ValueError(f"a task is named by lower-case letters, digits, _, . and -, not {name!r}")
        about = about_task(name, version, parameters)
        self.folder = cache / f"{name}-v{version}-{hashlib.sha256(about.encode()).hexdigest()[:12]}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if not (self.folder / "about.json").exists():
                _write(self.folder / "about.json", about + "\n")
        except OSError as error:
            raise ValueError(f"{cache} cannot hold a cache ({error}); name a folder that can") from error

    def read(self, wanted: set[str], limit: float | None, *, retry: bool = False) -> dict[str, Outcome]:
        """Return what is kept of these keys and still an answer: under this limit, and to a ``retry``."""
        found: dict[str, Outcome] = {}
        for record in self._records():
            key, outcome = record.get("key"), _outcome(record, limit)
            if key not in wanted or outcome is None or (retry and isinstance(outcome, Failed)):
                continue
            if key not in found or isinstance(found[key], Failed):  # a result came of a later try
                found[key] = outcome
        return found

    def write(self, outcomes: Mapping[str, Outcome], limit: float | None) -> None:
        """Keep these, but for items whose process died."""
        lines = [json.dumps(_sealed(_record(k, o, limit))) for k, o in outcomes.items() if _lasting(o)]
        if lines:
            _write(self.folder / f"{uuid.uuid4().hex}.jsonl", "\n".join(lines) + "\n")

    def _records(self) -> Iterator[dict[str, Any]]:
        for path in sorted(self.folder.glob("*.jsonl")):
            for line in path.read_bytes().splitlines():
                try:
                    record = json.loads(line)
                except ValueError:
                    continue
                if isinstance(record, dict) and record.pop("sum", None) == _checksum(record):
                    yield record


def _sealed(record: dict[str, Any]) -> dict[str, Any]:
    return record | {"sum": _checksum(record)}


def _checksum(record: Mapping[str, Any]) -> str:
    """Name the content of a line, the same before it is written and after it is read."""
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:16]


def _lasting(outcome: Outcome) -> bool:
    return isinstance(outcome, Done) or outcome.kind != "crash"


def _record(key: str, outcome: Outcome, limit: float | None) -> dict[str, Any]:
    if isinstance(outcome, Done):
        return {"key": key, "value": outcome.value}
    return {"key": key, "failed": outcome.kind, "reason": outcome.reason, "limit": limit}


def _outcome(record: Mapping[str, Any], limit: float | None) -> Outcome | None:
    """What a line says; None if it is of another form, or of a shorter time limit than this one."""
    if "value" in record:
        return Done(value=record["value"])
    kind, reason, reached = record.get("failed"), record.get("reason"), record.get("limit")
    if kind == "error":
        return Failed(kind="error", reason=str(reason))
    if kind == "time" and limit is not None and isinstance(reached, int | float) and limit <= reached:
        return Failed(kind="time", reason=str(reason))
    return None


def _write(path: Path, text: str) -> None:
    """Write a file that is there completely, also after a power cut, or not at all."""
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        with draft.open("w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
