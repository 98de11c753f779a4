import gzip
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
import zstandard
from fsspec.implementations.memory import MemoryFileSystem

from evals_pipeline.core.errors import SourceError
from evals_pipeline.sources import batches as batches_module
from evals_pipeline.sources.files import list_files, read_file
from evals_pipeline_tests.sources.building import ids, line, read, read_batches, span


def lines(*names: str) -> str:
    return "".join(line(span(**{"context.span_id": name})) for name in names)


@pytest.fixture
def memory() -> Iterator[MemoryFileSystem]:
    system = fsspec.filesystem("memory")
    yield system
    system.store.clear()
    system.pseudo_dirs[:] = [""]


@pytest.mark.parametrize(
    ("name", "compress"),
    [
        ("a.jsonl", bytes),
        ("a.jsonl.gz", gzip.compress),
        ("a.jsonl.zst", zstandard.compress),
        ("gzip under another name.jsonl", gzip.compress),
        ("several members.jsonl.gz", lambda content: gzip.compress(content[:100]) + gzip.compress(content[100:])),
        ("several frames.zst", lambda content: zstandard.compress(content[:100]) + zstandard.compress(content[100:])),
        ("padded.json.gz", lambda content: gzip.compress(content) + b"\0" * 512),
    ],
)
def test_lines_are_read_whatever_they_are_packed_in(
    tmp_path: Path, name: str, compress: Callable[[bytes], bytes]
) -> None:
    (tmp_path / name).write_bytes(compress(lines("a", "b", "c").encode()))

    spans, problems = read(tmp_path)

    assert (ids(spans), problems) == (["a", "b", "c"], [])


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(lines("a", "b"), id="lines"),
        pytest.param(lines("a", "b").rstrip(), id="no line end at the end"),
        pytest.param(lines("a", "b").replace("\n", "\r\n"), id="Windows"),
        pytest.param("\ufeff\n\n" + lines("a", "b") + "\n", id="byte order mark and blank lines"),
        pytest.param(json.dumps([span(**{"context.span_id": name}) for name in "ab"]), id="a list on one line"),
        pytest.param(json.dumps([span(**{"context.span_id": name}) for name in "ab"], indent=1), id="a printed list"),
        pytest.param(json.dumps({"spans": [span(span_id="a"), span(span_id="b")]}, indent=1), id="an object of spans"),
        pytest.param(json.dumps({"data": [span(span_id="a"), span(span_id="b")]}), id="Phoenix's REST answer"),
    ],
)
def test_json_is_read_as_lines_or_as_one_document(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.json").write_text(content, newline="")

    spans, problems = read(tmp_path)

    assert problems == []
    assert spans.num_rows == 2


def test_children_inherit_the_trace_and_the_parent(tmp_path: Path) -> None:
    leaf = {"span_id": "c", "start_time": 1742385600}
    trace = {"trace_id": "t", "spans": [{"span_id": "a", "start_time": 1742385600, "child_spans": [leaf, 5]}]}
    (tmp_path / "nested.jsonl").write_text(line(trace))

    spans, problems = read(tmp_path)

    found = [(row["context.span_id"], row["context.trace_id"], row["parent_id"]) for row in spans.to_pylist()]
    assert found == [("a", "t", None), ("c", "t", "a")]
    assert [problem.message for problem in problems] == ["span 3: a span is an object of fields, not a number"]


def test_folders_are_walked_and_what_is_no_span_is_named(tmp_path: Path) -> None:
    (tmp_path / "sub" / ".git").mkdir(parents=True)
    for name in ("b.jsonl", "sub/a.parquet", ".hidden.jsonl", "sub/.git/x.json", "c.jsonl.tmp", "d.part"):
        (tmp_path / name).write_text("")
    for name in ("README.md", "table.csv", "_SUCCESS"):
        (tmp_path / name).write_text("")

    listing = list_files(str(tmp_path))

    assert [Path(file.uri).relative_to(tmp_path).as_posix() for file in listing.files] == ["b.jsonl", "sub/a.parquet"]
    assert {Path(file.uri).name: file.reason for file in listing.ignored} == {
        "README.md": "no kind of spans ends in .md",
        "_SUCCESS": "a marker of the writer, as its leading underscore says",
        "c.jsonl.tmp": "still being written, as its ending says",
        "d.part": "still being written, as its ending says",
        "table.csv": "no kind of spans ends in .csv",
    }


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("traces", ["a.jsonl", "b.jsonl", "c.json"]),
        ("./traces/a.jsonl", ["a.jsonl"]),
        ("traces/*.jsonl", ["a.jsonl", "b.jsonl"]),
        ("traces/**/*.json", ["c.json"]),
        ("traces/spans.dat", ["spans.dat"]),
    ],
)
def test_a_path_is_a_folder_a_file_or_a_glob_below_the_base(tmp_path: Path, path: str, found: list[str]) -> None:
    (tmp_path / "traces" / "deep").mkdir(parents=True)
    for name in ("a.jsonl", "b.jsonl", "deep/c.json", "spans.dat"):
        (tmp_path / "traces" / name).write_text(lines(name))

    listing = list_files(path, tmp_path)

    assert [Path(file.uri).name for file in listing.files] == found
    assert all(len(ids(batch.spans)) == 1 for file in listing.files for batch in read_file(file))


def test_a_name_with_signs_of_a_glob_is_itself(tmp_path: Path) -> None:
    (tmp_path / "run[1]").mkdir()
    (tmp_path / "run[1]" / "a.jsonl").write_text(lines("a"))

    assert ids(read(tmp_path / "run[1]")[0]) == ["a"]


def test_links_are_followed_once_and_those_that_lead_nowhere_are_named(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.jsonl").write_text(lines("a"))
    (tmp_path / "sub" / "loop").symlink_to(tmp_path)
    (tmp_path / "sub" / "gone.jsonl").symlink_to(tmp_path / "nothing")
    (tmp_path / "linked.jsonl").symlink_to(tmp_path / "sub" / "a.jsonl")

    listing = list_files(str(tmp_path))

    names = [Path(file.uri).name for file in listing.files]
    assert names.count("linked.jsonl") >= 1
    assert len(names) <= 4
    assert {file.reason for file in listing.ignored} == {"a link that leads nowhere"}


@pytest.mark.parametrize(
    "uri", ["memory://bucket/traces", "memory://bucket/traces/*.jsonl", "memory://bucket/traces/a.jsonl"]
)
def test_any_file_system_of_fsspec_will_do(memory: MemoryFileSystem, uri: str) -> None:
    memory.pipe("/bucket/traces/a.jsonl", lines("a").encode())

    assert [file.uri for file in list_files(uri).files] == ["memory:///bucket/traces/a.jsonl"]
    assert ids(read(uri)[0]) == ["a"]


def test_a_relative_path_may_start_at_a_uri(memory: MemoryFileSystem) -> None:
    memory.pipe("/bucket/traces/a.jsonl", lines("a").encode())

    assert len(list_files("traces", "memory://bucket").files) == 1


def test_a_changed_file_has_another_version(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text(lines("a"))
    before = list_files(str(tmp_path)).files

    file.write_text(lines("b"))
    os.utime(file, (1_700_000_000, 1_700_000_000))

    assert list_files(str(tmp_path)).files != before
    assert list_files(str(tmp_path)).files == list_files(str(tmp_path)).files


def test_a_source_that_is_not_there_says_what_is(tmp_path: Path) -> None:
    (tmp_path / "trace").mkdir()

    with pytest.raises(SourceError) as caught:
        list_files("traces/2025", tmp_path)

    assert "there is nothing at 'traces/2025'" in str(caught.value)
    assert f"in {str(tmp_path)!r} there is: trace\nHint: mend `path`" in str(caught.value)


def test_a_glob_that_matches_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="there is nothing at"):
        list_files("*.jsonl", tmp_path)


def test_an_unknown_protocol_is_refused_with_its_cause() -> None:
    with pytest.raises(SourceError, match="cannot be opened: Protocol not known: nowhere"):
        list_files("nowhere://bucket/traces")


class Locked(MemoryFileSystem):
    """A store of which one folder may not be listed and one file may not be read."""

    protocol = "locked"

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return MemoryFileSystem._strip_protocol(path.removeprefix("locked://"))

    def ls(self, path: str, detail: bool = True, **options: Any) -> Any:
        if path.rstrip("/").endswith("private"):
            raise PermissionError(13, "Permission denied", path)
        return super().ls(path, detail, **options)

    def _open(self, path: str, *arguments: Any, **options: Any) -> Any:
        if "secret" in path:
            raise PermissionError(13, "Permission denied", path)
        return super()._open(path, *arguments, **options)


def test_a_folder_inside_that_may_not_be_listed_is_an_error_not_a_gap(memory: MemoryFileSystem) -> None:
    fsspec.register_implementation("locked", Locked, clobber=True)
    memory.pipe({"/all/a.jsonl": b"", "/all/private/b.jsonl": b""})

    with pytest.raises(SourceError, match=r"cannot be listed: Permission denied\nHint: give the user"):
        list_files("locked://all")


def test_a_file_that_may_not_be_read_counts_as_not_read(memory: MemoryFileSystem) -> None:
    fsspec.register_implementation("locked", Locked, clobber=True)
    memory.pipe("/some/secret.jsonl", b"{}")

    with pytest.raises(SourceError, match="secret.jsonl' cannot be read: Permission denied"):
        read("locked://some")


def test_a_file_that_vanishes_is_a_problem_and_a_folder_that_vanishes_an_error(tmp_path: Path) -> None:
    folder = tmp_path / "traces"
    folder.mkdir()
    (folder / "a.jsonl").write_text(lines("a"))
    (file,) = list_files(str(folder)).files

    (folder / "a.jsonl").unlink()
    ((problem,),) = [batch.problems for batch in read_file(file)]
    folder.rmdir()

    assert problem.message == "the file has vanished since it was listed"
    with pytest.raises(SourceError, match="has vanished while it was read"):
        list(read_file(file))


def test_batches_are_bounded_by_spans_and_by_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches_module, "MAX_BYTES", 10_000)
    many = [span(**{"context.span_id": str(number)}) for number in range(12_001)]
    big = [span(**{"attributes.input.value": "x" * 6_000}) for _ in range(4)]
    (tmp_path / "many.jsonl").write_text("".join(map(line, many)))
    (tmp_path / "wide.jsonl").write_text("".join(map(line, big)))

    sizes = [batch.spans.num_rows for batch in read_batches(tmp_path / "many.jsonl")]
    wide = [batch.spans.num_rows for batch in read_batches(tmp_path / "wide.jsonl")]

    assert sum(sizes) == 12_001
    assert max(sizes) <= 5_000
    assert wide == [2, 2]


def test_an_empty_file_is_no_spans_and_no_problem(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_bytes(b"")
    (tmp_path / "blank.json").write_bytes(b"\n\n")

    assert read_batches(tmp_path) == []
