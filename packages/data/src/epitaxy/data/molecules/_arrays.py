"""The arrays of an npz file, of which nothing is believed before it is checked."""

import zipfile
from pathlib import Path

import numpy as np

from epitaxy.data._limits import LARGEST_NPZ
from epitaxy.data._records import brief
from epitaxy.data.errors import DataError


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Return all arrays of a file, by name; pickles are not opened.

    Raises:
        DataError: if the file cannot be read, its arrays are larger than `LARGEST_NPZ` together, or one is
            not as large as it says.

    """
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
            if size > LARGEST_NPZ:
                raise DataError(
                    f"{path} holds {size} bytes, more than the limit of {LARGEST_NPZ}; divide it into "
                    f"several files"
                )
            for member in archive.infolist():
                _check_header(archive, member)
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files if isinstance(stored[name], np.ndarray)}
    except DataError:
        raise
    except Exception as error:  # zip, numpy's format and its compression each have errors of their own
        raise DataError(f"{path} is no complete npz file ({brief(error)}); fetch or copy it again") from error


def _check_header(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """Compare what an array's header says with what is there, before numpy makes room for it."""
    if not member.filename.endswith(".npy"):
        return
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        read = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, _, dtype = read(file)
        claimed = dtype.itemsize
        for length in shape:
            claimed *= length
        if min(shape, default=1) < 0 or (not dtype.hasobject and claimed != member.file_size - file.tell()):
            raise ValueError(f"{member.filename} is not of the size that its header says, {shape} of {dtype}")
