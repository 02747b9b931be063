import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workers.inputs.recipients_file import read_recipients
from workers.inputs.refusals import InputFileError, RefusedRow

File = Callable[..., Path]


def split(path: Path, **options: Any) -> tuple[list[dict[str, Any]], list[tuple[int, str, str]]]:
    good: list[dict[str, Any]] = []
    bad: list[tuple[int, str, str]] = []
    for row in read_recipients(path, **options):
        if isinstance(row, RefusedRow):
            bad.append((row.line, row.field, row.problem))
        else:
            good.append(row)
    return good, bad


def test_columns_become_fields_and_the_others_variables(file: File) -> None:
    path = file("id,to,name,timezone,city\n7,+551199,Ana,America/Sao_Paulo,\n")
    good, bad = split(path)
    assert good == [
        {
            "to": "+551199",
            "position": 1,
            "id": "7",
            "timezone": "America/Sao_Paulo",
            "variables": {"name": "Ana"},
        }
    ]
    assert bad == []


def test_only_the_variables_that_the_body_needs_go_on(file: File) -> None:
    good, _ = split(file("to,name,salary\n+1,Ana,100\n"), variables={"name"})
    assert good[0]["variables"] == {"name": "Ana"}


def test_ndjson_gives_the_same_rows_as_csv(file: File) -> None:
    rows = [{"to": "+1", "name": "Ana"}, {"to": "+2", "variables": {"name": "Bo"}}]
    path = file("\n".join(map(json.dumps, rows)), "rows.ndjson")
    from_csv, _ = split(file("to,name\n+1,Ana\n+2,Bo\n"))
    assert split(path) == (from_csv, [])


def test_a_byte_order_mark_and_windows_line_ends_are_accepted(file: File) -> None:
    good, bad = split(file(b"\xef\xbb\xbfto,name\r\n+1,Ana\r\n\r\n+2,Bo\r\n"))
    assert [row["to"] for row in good] == ["+1", "+2"]
    assert [row["variables"]["name"] for row in good] == ["Ana", "Bo"]
    assert bad == []


def test_a_quoted_field_may_hold_commas_quotes_and_line_ends(file: File) -> None:
    good, bad = split(file('to,name\n+1,"Ana ""A"", of\nLima"\n+2,Bo\n'))
    assert good[0]["variables"]["name"] == 'Ana "A", of\nLima'
    assert good[1]["position"] == 2
    assert bad == []


def test_a_bad_number_is_left_to_intake(file: File) -> None:
    good, bad = split(file("to,name\nnonsense,Ana\n,Bo\n" + "9" * 80 + ",Cy\n"))
    assert [row["to"] for row in good] == ["nonsense", "", "9" * 80]
    assert bad == []


@pytest.mark.parametrize(
    ("line", "field", "problem"),
    [
        (b"+1", "row", "has 1 fields and the header has 3"),
        (b"+1,Ana,x,y", "row", "has 4 fields"),
        (b'+1,"Ana,x', "row", "quote that is not closed"),
        (b'+1,"Ana"x,y', "row", "is not CSV"),
        (b"+1,An\xe3,x", "row", "is not UTF-8 (byte 6 of the line)"),
        (b"+1,Ana," + b"x" * 129, "id", "is longer than 128 characters"),
        (b"+1," + b"n" * 1001 + b",x", "variables.name", "is longer than 1000 characters"),
        (b"+1," + b"n" * 140_000 + b",x", "row", "is longer than 131072 bytes"),
        (b"+1,A\0na,x", "variables.name", "null character"),
        (b"+1,Ana\rBo,x", "row", "line end"),
    ],
)
def test_a_bad_line_is_refused_and_the_others_pass(
    file: File, line: bytes, field: str, problem: str
) -> None:
    rows = [b"to,name,id", b"+1,Ana,a", line, b"+3,Cy,c", b"+4,Di,d"]
    good, bad = split(file(b"\n".join(rows) + b"\n"))
    assert [row["to"] for row in good] == ["+1", "+3", "+4"]
    assert [row["position"] for row in good] == [1, 3, 4]
    assert len(bad) == 1
    assert bad[0][:2] == (3, field)
    assert problem in bad[0][2]


def test_an_open_quote_in_every_line_refuses_each_once(file: File) -> None:
    lines = ["to,name", *(f'+{n},"Ana' if n % 2 else f"+{n},Bo" for n in range(100))]
    good, bad = split(file("\n".join(lines)))
    assert [row["to"] for row in good] == [f"+{n}" for n in range(0, 100, 2)]
    assert [line for line, _, _ in bad] == [n + 2 for n in range(1, 100, 2)]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"to": "+2"', "is not JSON"),
        ("[1]", "is not a JSON object"),
        ("[" * 100_000, "is not JSON"),
        ('{"to": "+2", "name": ["x"]}', "is not a text or a number"),
        ('{"to": "+2", "id": 7}', "is not a text"),
    ],
)
def test_a_bad_json_line_is_refused_and_the_others_pass(
    file: File, line: str, problem: str
) -> None:
    good, bad = split(file(f'{{"to": "+1"}}\n{line}\n{{"to": "+3"}}\n', "rows.jsonl"))
    assert [row["to"] for row in good] == ["+1", "+3"]
    assert [(number, problem in text) for number, _, text in bad] == [(2, True)]


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        ("", "is empty; the first line must be a header"),
        ("number,name\n", ":1: to is missing in the header, which has: number, name"),
        ("to,name,name\n", ":1: name stands twice in the header"),
        ("to,,name\n", "column 2 has no name"),
        ("to;name\n", "separated by ';'"),
        ('to,"name\n', "quote that is not closed"),
    ],
)
def test_a_header_that_cannot_be_used_stops_the_file(file: File, header: str, problem: str) -> None:
    with pytest.raises(InputFileError) as raised:
        split(file(header))
    assert problem in str(raised.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match=r"none\.csv: cannot be read"):
        split(tmp_path / "none.csv")


def test_memory_does_not_grow_with_the_file(file: File) -> None:
    def peak(rows: int) -> int:
        path = file("to,name\n" + "+12125550100,Ana\n" * rows)
        tracemalloc.start()
        try:
            assert sum(1 for _ in read_recipients(path)) == rows
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(100)
    assert peak(20_000) < peak(1_000) + 64 * 1024
