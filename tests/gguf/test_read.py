"""A whole model from its first file: which files those are, and whether they belong together."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from freehold.gguf.error import GgufError
from freehold.gguf.folder import HttpFolder, S3Folder
from freehold.gguf.read import read_model
from freehold.gguf.split import shard_names
from tests.gguf.files import shard, write_model, write_shards
from tests.hosts.fake import FakeHost


def test_a_single_file_is_a_model(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.gguf", "glm-dsa", glm_dsa_block_count=79)
    header = read_model(path)
    assert (header.place, header.architecture) == (str(path), "glm-dsa")
    assert [shard.place for shard in header.shards] == [str(path)]


@pytest.mark.parametrize("key", ["split.count", "split.no"])
def test_a_model_that_gguf_split_has_merged_is_a_single_file(tmp_path: Path, key: str) -> None:
    path = write_model(tmp_path / "m.gguf", **{key: 0}, split_tensors_count=1)
    assert len(read_model(path).tensors) == 1


@pytest.mark.parametrize("named", [0, 2])
def test_all_shards_are_found_from_any_one(tmp_path: Path, named: int) -> None:
    paths = write_shards(tmp_path, 3)
    header = read_model(str(paths[named]))
    assert [shard.place for shard in header.shards] == [str(path) for path in paths]
    assert len(header.tensors) == 4
    assert header.metadata["general.architecture"] == "llama"


def drop(paths: list[Path]) -> None:
    paths[1].unlink()
    paths[2].write_bytes(paths[2].read_bytes()[:-1])


def rename(paths: list[Path]) -> None:
    shutil.copy(paths[2], paths[1])


def miscount(paths: list[Path]) -> None:
    for number, path in enumerate(paths, 1):
        path.write_bytes(shard(number, 3, count=5))


def lose_tensors(paths: list[Path]) -> None:
    paths[2].write_bytes(shard(3, 3, 1))


def repeat_tensors(paths: list[Path]) -> None:
    paths[2].write_bytes(shard(2, 3, no=2))


def of_another(paths: list[Path]) -> None:
    paths[2].write_bytes(shard(3, 3, count=4))


WRONG: dict[str, tuple[Callable[[list[Path]], None], list[str]]] = {
    "missing and cut short": (drop, ["got: No such file or directory", "the file is cut short"]),
    "one copied over another": (rename, ["expected split.no 1, found 2"]),
    "of five": (miscount, ["expected 5 shards, as it says in split.count, found 3"]),
    "one of another model": (of_another, ["expected split.count 3, found 4"]),
    "fewer tensors": (lose_tensors, ["expected 4 tensors in all shards, found 3"]),
    "tensors twice": (repeat_tensors, ["found 2 that are in another shard"]),
}


@pytest.mark.parametrize("what", WRONG)
def test_shards_that_make_no_model_are_refused_with_every_problem(
    tmp_path: Path, what: str
) -> None:
    paths = write_shards(tmp_path, 3)
    damage, words = WRONG[what]
    damage(paths)
    with pytest.raises(GgufError) as caught:
        read_model(paths[0])
    problems = [str(problem) for problem in caught.value.problems]
    assert len(problems) == len(words)
    assert all(word in problem for word, problem in zip(words, problems, strict=True))


@pytest.mark.parametrize("number", ["00000", "00004"])
def test_a_number_that_no_shard_has_is_refused(tmp_path: Path, number: str) -> None:
    with pytest.raises(GgufError, match="expected a shard's name"):
        read_model(tmp_path / f"m-{number}-of-00003.gguf")


def test_one_of_99999_shards_is_not_looked_for() -> None:
    with pytest.raises(GgufError, match="of up to 1000 shards"):
        shard_names("m-00001-of-99999.gguf")


def test_a_shard_under_another_name_says_how_many_it_is_of(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(shard(1, 3))
    with pytest.raises(GgufError, match=r"expected 3 shards, .*, found 1"):
        read_model(tmp_path / "m.gguf")


@pytest.mark.parametrize(
    "text",
    [
        "ftp://host/m.gguf",
        "http://host",
        "https://host/folder/",
        "s3://",
        "s3://bucket",
        "s3://bucket/",
        "ssh://host",
        "ssh://host/",
        "ssh://-oProxyCommand=true/m.gguf",
        "host:/",
    ],
)
def test_a_text_that_leads_to_no_file_is_refused(text: str) -> None:
    with pytest.raises(GgufError, match=r"s3://BUCKET/KEY") as caught:
        read_model(text, connect=lambda _: FakeHost())
    assert str(caught.value).startswith(text)


def test_what_looks_like_an_option_of_ssh_is_a_path() -> None:
    with pytest.raises(GgufError, match="No such file or directory"):
        read_model("-oProxyCommand=true:/m.gguf")


def test_a_relative_path_may_have_a_colon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_model(tmp_path / "a:b.gguf")
    write_model(tmp_path / "c:/d.gguf")
    assert read_model("a:b.gguf").place == "a:b.gguf"
    assert read_model(Path("c:/d.gguf")).place == "c:/d.gguf"


def test_nothing_is_asked_before_a_file_is_read() -> None:
    source = HttpFolder("https://nowhere.invalid/m.gguf?a=b", "secret").file("n.gguf")
    assert source.place == "https://nowhere.invalid/n.gguf"
    assert "secret" not in repr(HttpFolder("https://nowhere.invalid/m.gguf", "secret"))
    assert S3Folder("bucket", "a/").file("n.gguf").place == "s3://bucket/a/n.gguf"
