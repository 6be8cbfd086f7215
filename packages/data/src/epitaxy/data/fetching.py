"""Official dataset files by name."""

import urllib.error
import urllib.request
from pathlib import Path

from epitaxy.data._atomic import replacing
from epitaxy.data._csv import scan
from epitaxy.data._records import InputFaultError
from epitaxy.data.errors import DataError
from epitaxy.data.locations import cache_root
from epitaxy.data.progress import Progress
from epitaxy.data.registry import DatasetInfo, dataset_info

_BLOCK = 1 << 20
_TIMEOUT = 30.0


def fetch(
    name: str,
    *,
    address: str | None = None,
    folder: str | Path | None = None,
    progress: Progress | None = None,
) -> Path:
    """Download a dataset's official splits into the user's cache, where `locate` finds them.

    Each file is checked (a `cif` column, the published number of rows) before it takes its place; files that
    are there and pass are kept. No checksum of the official files is published, so none is checked.

    Args:
        name: a name in `DATASETS`.
        address: where to find `<split>.csv` in place of the official address (a mirror).
        folder: the folder to fill; the user's cache by default.
        progress: called with the bytes of the file so far, and its size where the server tells it.

    Returns:
        the folder that now holds train.csv, val.csv and test.csv.

    Raises:
        DataError: if the name is unknown, the dataset has no address, a download fails, or a file is not the
            one expected.

    """
    info = dataset_info(name)
    base = address or info.address
    if base is None:
        why = (
            "is made in code and needs no file"
            if info.embedded
            else "has no official address to fetch it from"
        )
        raise DataError(f"{name} {why}; see `epitaxy data info {name}`")
    target = Path(folder) if folder is not None else cache_root() / "datasets" / name
    for split, rows in info.counts.items():
        path = target / f"{split}.csv"
        if not _is_there(path, rows):
            with replacing(path) as draft:
                _download(f"{base}/{split}.csv", draft, progress)
                _verify(draft, rows, info, split)
    return target


def _is_there(path: Path, rows: int) -> bool:
    try:
        return path.exists() and scan(path).rows == rows
    except DataError:
        return False


def _download(url: str, path: Path, progress: Progress | None) -> None:
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT) as response, path.open("wb") as file:
            size = int(response.headers.get("Content-Length") or 0) or None
            done = 0
            while block := response.read(_BLOCK):
                file.write(block)
                done += len(block)
                if progress is not None:
                    progress(done, size)
    except urllib.error.HTTPError as error:
        raise DataError(
            f"{url} answers {error.code} {error.reason}; the file may have moved: fetch it by hand"
        ) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise DataError(
            f"{url} cannot be reached ({reason}); check the network, or copy the files by hand"
        ) from error
    if size is not None and done != size:
        raise DataError(f"{url} ended after {done} of {size} bytes; try again")


def _verify(draft: Path, rows: int, info: DatasetInfo, split: str) -> None:
    try:
        found = scan(draft).rows
    except (DataError, InputFaultError) as error:
        raise DataError(f"what was fetched for {info.name} {split} is no such dataset: {error}") from error
    if found != rows:
        raise DataError(
            f"what was fetched for {info.name} {split} has {found} rows, not the published {rows}; try again"
        )
