import gzip
import json
import random
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from evals_pipeline.sources import streams
from evals_pipeline_tests.sources.building import SPAN_ID, START, TRACE_ID, ids, line, places, read, span

noise = random.Random(7)


def many_lines(count: int) -> bytes:
    """Lines that do not compress well, so that a cut falls inside the data."""
    spans = (
        span(**{"context.span_id": str(number), "attributes.input.value": noise.randbytes(300).hex()})
        for number in range(count)
    )
    return "".join(map(line, spans)).encode()


def write_parquet(path: Path, spans: list[dict], **options: object) -> None:
    pq.write_table(pa.Table.from_pylist(spans), path, **options)


def test_bad_lines_are_told_by_number_and_the_others_are_read(tmp_path: Path) -> None:
    good = line(span())
    (tmp_path / "mixed.jsonl").write_text(f'{good}{{"oops\n\n{good}[1,\n"text"\n{line(span(start_time=None))}{good}')

    spans, problems = read(tmp_path)

    assert spans.num_rows == 3
    assert places(problems) == [2, 5, 6, 7]
    assert problems[2].message == "a span is an object of fields, not text"
    assert {problem.uri for problem in problems} == {str(tmp_path / "mixed.jsonl")}


def test_a_first_line_that_is_bad_does_not_make_it_another_form(tmp_path: Path) -> None:
    (tmp_path / "mixed.json").write_text('{"context.span_id": oops}\n' + line(span()) * 2)

    spans, problems = read(tmp_path)

    assert spans.num_rows == 2
    assert places(problems) == [1]


def test_text_that_is_no_utf8_costs_its_line_only(tmp_path: Path) -> None:
    (tmp_path / "latin.jsonl").write_bytes('{"name": "Grüße"}\n'.encode("latin-1") + line(span()).encode())

    spans, problems = read(tmp_path)

    assert spans.num_rows == 1
    assert problems[0].message == "no UTF-8 text: byte 13 cannot be read"


def test_nan_and_half_surrogates_as_python_writes_them_are_read(tmp_path: Path) -> None:
    (tmp_path / "python.jsonl").write_text(
        line(span(**{"attributes.x": float("nan"), "attributes.input.value": "\ud800!"}))
    )

    spans, problems = read(tmp_path)

    assert problems == []
    assert spans.column("attributes.input.value").to_pylist() == ["\ufffd!"]
    assert json.loads(spans.column("attributes")[0].as_py()) == {"x": None}


def test_problems_beyond_a_hundred_are_only_counted(tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text("no\n" * 250 + line(span()))

    spans, problems = read(tmp_path)

    assert spans.num_rows == 1
    assert places(problems) == [*range(1, 101), None]
    assert problems[-1].message == "150 more problems like these"


def test_a_line_without_end_is_not_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evals_pipeline.sources.formats.MAX_LINE_BYTES", 2**20)
    monkeypatch.setattr(streams, "MAX_LINE_BYTES", 2**20)
    (tmp_path / "long.jsonl").write_text(line(span()) + '"' + "x" * 5 * 2**20 + '"\n' + line(span()))

    spans, problems = read(tmp_path)

    assert spans.num_rows == 2
    assert [(problem.line_number, problem.message) for problem in problems] == [(2, "the line is longer than 1 MB")]


def damaged(content: bytes) -> bytes:
    middle = len(content) * 2 // 3
    return (
        content[:middle]
        + bytes(255 - byte for byte in content[middle : middle + 200_000])
        + content[middle + 200_000 :]
    )


def cut(content: bytes) -> bytes:
    return content[: len(content) * 2 // 3]


@pytest.mark.parametrize("harm", [damaged, cut])
@pytest.mark.parametrize("compress", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
def test_what_comes_before_the_damage_is_kept(
    tmp_path: Path, compress: Callable[[bytes], bytes], harm: Callable[[bytes], bytes]
) -> None:
    (tmp_path / "a.jsonl").write_bytes(harm(compress(many_lines(5_000))))

    spans, problems = read(tmp_path)

    found = ids(spans)
    assert 1_000 < len(found) < 5_000
    assert found == [str(number) for number in range(len(found))]
    assert problems[-1].message.startswith("after line ")


def test_a_compressed_bomb_is_read_in_small_pieces(tmp_path: Path) -> None:
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(b"\n" * 50 * 2**20))

    with (tmp_path / "bomb.gz").open("rb") as file:
        largest = max(map(len, streams.chunks(file)))

    assert largest <= 2**20


@pytest.mark.parametrize(
    "harm", [cut, lambda content: b"", lambda content: b"PAR1" + b"x" * 100 + b"PAR1"], ids=["cut", "empty", "hollow"]
)
def test_a_parquet_file_without_its_end_is_one_problem(tmp_path: Path, harm: Callable[[bytes], bytes]) -> None:
    write_parquet(tmp_path / "a.parquet", [span()] * 10)
    (tmp_path / "a.parquet").write_bytes(harm((tmp_path / "a.parquet").read_bytes()))

    spans, problems = read(tmp_path)

    assert spans.num_rows == 0
    assert len(problems) == 1
    assert "Parquet file" in problems[0].message


def test_the_row_groups_before_a_damaged_page_are_kept(tmp_path: Path) -> None:
    spans = [span(**{"context.span_id": str(number), "name": noise.randbytes(300).hex()}) for number in range(20_000)]
    write_parquet(tmp_path / "a.parquet", spans, row_group_size=2_000, use_dictionary=False, write_page_checksum=True)
    (tmp_path / "a.parquet").write_bytes(damaged((tmp_path / "a.parquet").read_bytes()))

    found, problems = read(tmp_path)

    assert 5_000 <= found.num_rows < 20_000
    assert len(problems) == 1
    assert problems[0].message.startswith("the Parquet file is damaged or cut off after row ")


def test_a_parquet_row_that_is_no_span_is_told_by_number(tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet", [span(), span(**{"context.span_id": None}), span(start_time="soon"), span()])

    spans, problems = read(tmp_path)

    assert spans.num_rows == 2
    assert [problem.message for problem in problems] == [
        "row 2: no span id; there is: context.span_id, context.trace_id, start_time",
        "row 3: its start time cannot be read as one",
    ]


def test_text_in_parquet_that_is_no_utf8_costs_its_row_only(tmp_path: Path) -> None:
    binary = pa.array([b"fine", b"\xff\xfe", b"fine too"], pa.binary())
    text = pa.Array.from_buffers(pa.string(), 3, binary.buffers())
    fixed = {name: [value] * 3 for name, value in span().items()}
    pq.write_table(pa.table(fixed | {"attributes.input.value": text}), tmp_path / "a.parquet")

    spans, problems = read(tmp_path)

    assert spans.column("attributes.input.value").to_pylist() == ["fine", "fine too"]
    assert problems[0].message.startswith("row 2: ")


@pytest.mark.parametrize(
    "columns",
    [
        pytest.param({"attributes": [[("input.value", "x")]]}, id="a map"),
        pytest.param({"attributes": [{"input": {"value": "x"}}]}, id="structs"),
        pytest.param({"attributes.input.value": pa.array(["x"]).dictionary_encode()}, id="a pandas category"),
        pytest.param({"attributes.input.value": pa.array(["x"], pa.large_string())}, id="large text"),
        pytest.param({"attributes.input.value": pa.array(["x"], pa.string_view())}, id="a text view"),
        pytest.param({"attributes.input.value": pa.array([b"x"])}, id="bytes"),
        pytest.param({"attributes": ['{"input.value": "x"}']}, id="JSON text"),
    ],
)
def test_parquet_of_any_shape_has_the_same_meaning(tmp_path: Path, columns: dict) -> None:
    if isinstance(columns.get("attributes", [""])[0], list):
        columns = {"attributes": pa.array(columns["attributes"], pa.map_(pa.string(), pa.string()))}
    fixed = {"context": [{"span_id": SPAN_ID, "trace_id": TRACE_ID}], "start_time": [START]}
    pq.write_table(pa.table(fixed | columns), tmp_path / "a.parquet")

    spans, problems = read(tmp_path)

    assert problems == []
    assert spans.column("attributes.input.value").to_pylist() == ["x"]
