"""Splitting a damaged file: which records it has, on which lines, and which rule a bad one breaks."""

import pytest

from caremetrix_assets.sources.records import MAX_RECORD_LINES, header_fields, original_texts, records


def found(tmp_path, data, width=3):
    path = tmp_path / "x.csv"
    path.write_bytes(data)
    return [(r.line, r.rule or r.fields, r.text) for r in records(path, width)]


def test_bad_lines_carry_their_rule_and_line(tmp_path):
    data = b"a,b,c\n1,2,3\n4,5\n6,7,8,9\n1,\xff,3\n1,\x00,3\n\nx,y,z"
    assert found(tmp_path, data) == [
        (2, ["1", "2", "3"], "1,2,3"),
        (3, "ragged_row", "4,5"),
        (4, "ragged_row", "6,7,8,9"),
        (5, "not_utf8", "1,\\xff,3"),
        (6, "nul_byte", "1,\\x00,3"),
        (8, ["x", "y", "z"], "x,y,z"),
    ]


def test_quoted_commas_quotes_and_line_ends(tmp_path):
    data = b'a,b,c\n1,"x, ""y""\nz",3\n4,5"in,6\n7,8,9\n'
    assert found(tmp_path, data) == [
        (2, ["1", 'x, "y"\nz', "3"], '1,"x, ""y""\nz",3'),
        (4, ["4", '5"in', "6"], '4,5"in,6'),
        (5, ["7", "8", "9"], "7,8,9"),
    ]


def test_an_open_quote_costs_its_own_line_only(tmp_path):
    data = b'a,b,c\n1,"x,3\n4,5,6\n7,"8,9\n10,11,12\n'
    assert [row[:2] for row in found(tmp_path, data)] == [
        (2, "unterminated_quote"),
        (3, ["4", "5", "6"]),
        (4, "unterminated_quote"),
        (5, ["10", "11", "12"]),
    ]


def test_a_quoted_field_ends_within_some_lines_or_was_not_meant_as_one(tmp_path):
    rows = found(tmp_path, b'a,b,c\n1,"x\n' + b"4\n" * MAX_RECORD_LINES + b'y",3\n')
    assert rows[0][1] == "unterminated_quote" and len(rows) == 1 + MAX_RECORD_LINES + 1
    rows = found(tmp_path, b'a,b,c\n1,"x\n' + b"4\n" * (MAX_RECORD_LINES - 1) + b'y",3\n')
    assert [row[0] for row in rows] == [2] and rows[0][1][2] == "3"


def test_a_quote_that_ends_before_its_field_is_stray(tmp_path):
    assert [row[1] for row in found(tmp_path, b'a,b,c\n1,"x"y,3\n')] == ["stray_quote"]


def test_windows_line_ends_are_no_part_of_a_value(tmp_path):
    assert found(tmp_path, b"a,b,c\r\n1,2,3\r\n") == [(2, ["1", "2", "3"], "1,2,3")]


@pytest.mark.parametrize("by_line", [True, False])
def test_original_texts_of_some_lines(tmp_path, by_line):
    path = tmp_path / "x.csv"
    path.write_bytes("a,b,c\n1,é,3\n4,5,6\n".encode())
    assert original_texts(path, 3, {2}, by_line) == {2: "1,é,3"}


@pytest.mark.parametrize(
    ("line", "names"),
    [
        (b"", None),
        (b"\xef\xbb\xbfId,NAME\r\n", ["Id", "NAME"]),
        (b'"Id", NAME \n', ["Id", "NAME"]),
        (b"\n", [""]),
        (b"\xff,b\n", ["\\xff", "b"]),
    ],
)
def test_header_fields(line, names):
    assert header_fields(line) == names
