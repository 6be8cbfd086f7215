import pytest

from epitaxy.data import DATASETS, DataError, dataset_info, dataset_roots, locate, split_paths
from epitaxy.data._suffixes import ARCHIVE_SUFFIXES, JSON_SUFFIXES, TABLE_SUFFIXES
from epitaxy.data.locations import split_of
from epitaxy.data.molecules._files import SDF, XYZ


def test_an_unknown_name_lists_the_known_and_the_close():
    with pytest.raises(DataError, match=r"did you mean mp_20\?.*perov_5"):
        locate("mp20")
    with pytest.raises(DataError, match="known are prototypes"):
        dataset_info("zzz")


def test_a_missing_path_is_no_dataset_name(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        locate(tmp_path / "nothing.csv")


def test_a_missing_dataset_says_where_it_was_looked_for(tmp_path):
    with pytest.raises(DataError, match="epitaxy data fetch mp_20") as caught:
        locate("mp_20", root=tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_root_goes_before_the_environment_before_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("EPITAXY_DATA", str(tmp_path / "environment"))
    roots = dataset_roots(tmp_path / "root")
    assert [r.name for r in roots] == ["root", "environment", "datasets"]
    for root in reversed(roots):
        (root / "perov_5").mkdir(parents=True)
        (root / "perov_5" / "val.csv").write_text("cif\n")
        assert locate("perov_5", "val", root=tmp_path / "root").path == root / "perov_5" / "val.csv"


def test_a_missing_split_names_those_that_exist(tmp_path):
    (tmp_path / "val.csv.gz").touch()
    (tmp_path / "test").mkdir()
    assert set(split_paths(tmp_path)) == {"val", "test"}
    with pytest.raises(DataError, match="no train split here, only val, test"):
        locate(tmp_path, "train")
    with pytest.raises(DataError, match="use one of train, val, test"):
        locate(tmp_path, "dev")


READ = sorted(
    {*TABLE_SUFFIXES, *JSON_SUFFIXES, *ARCHIVE_SUFFIXES, *SDF, *XYZ, ".csv.gz", ".json.xz", ".npz", ""}
)


@pytest.mark.parametrize("suffix", READ)
def test_every_kind_of_file_that_is_read_may_be_a_split(tmp_path, suffix):
    path = tmp_path / f"valid{suffix}"
    path.touch()
    assert split_paths(tmp_path) == {"val": path}
    assert locate(tmp_path, "val").path == path


def test_a_path_without_splits_is_split_by_the_hash_of_ids(tmp_path):
    path = tmp_path / "all.extxyz"
    path.touch()
    assert locate(path, "val").hashed
    shares = [split_of(f"mp-{i}") for i in range(10_000)]
    # binomial, p = 0.1: 6 sigma = 180; a fixed hash, so this either always passes or never
    assert abs(shares.count("val") - 1000) < 180
    assert abs(shares.count("test") - 1000) < 180


def test_the_registry_is_complete():
    for name, info in DATASETS.items():
        assert info.name == name
        assert info.description
        assert info.source
        assert info.licence
        assert info.embedded != bool(info.counts)
