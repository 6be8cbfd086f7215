from pathlib import Path

import pytest

from epitaxy.apps.foundation.files import replace_with, write_text


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "file.txt"
    write_text(target, "old")

    def fail(temporary: Path) -> None:
        temporary.write_text("half of the n")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        replace_with(target, fail)
    assert target.read_text() == "old"
    assert list(target.parent.iterdir()) == [target]
