"""``drop check``: the same judgement as taking a drop in, row by row, and nothing written."""

import pytest

from caremetrix_assets.errors import ServiceError
from caremetrix_assets.sources.check import check
from caremetrix_assets_tests.sources.drops import TODAY, minimal, write_files
from caremetrix_assets_tests.sources.releases import R33

CONDITIONS = R33["conditions"] + "\n" + "2025-01-02,,p1,e1,s,1,text\n"


def checked(lab, name="d", lake=True):
    before = sorted(str(p) for p in lab.root.rglob("*"))
    result = check(lab.root / "inbox" / name, lab.catalog, lab.options, TODAY, lab.lake if lake else None)
    assert sorted(str(p) for p in lab.root.rglob("*") if p.name != "work") == [p for p in before if not p.endswith("/work")]
    return result


@pytest.mark.parametrize("lake", [True, False])
def test_a_good_drop(lab, lake):
    manifest = lab.drop("d", minimal())
    result = checked(lab, lake=lake)
    assert (result.is_acceptable, result.drop_id, result.problems, result.rows) == (True, manifest.drop_id, [], [])
    assert result.verdict == "d would be taken: 5 rows of 5 files, full, dated 2025-01-31."
    assert [(f.file, f.rows) for f in result.files][:2] == [("encounters", 1), ("organizations", 1)]


def test_broken_rows_are_told_by_file_line_column_and_rule(lab):
    bad = "someday,,p1,e1,s,2,x\n2025-01-02,,p1,e1\n"
    lab.drop("d", minimal(conditions=CONDITIONS + bad))
    result = checked(lab)
    assert [(r.file, r.line, r.column, r.rule) for r in result.rows] == [
        ("conditions.csv", 3, "start", "cannot_type"),
        ("conditions.csv", 4, None, "ragged_row"),
    ]
    assert not result.is_acceptable and result.verdict.startswith("d would be rejected: conditions: 2 of 3 rows are broken")
    assert "someday" not in str(result)


def test_all_problems_are_told_not_only_the_first(lab):
    lab.drop("d", minimal(patients="Identifier\np1\n", payers=None))
    problems = checked(lab).problems
    assert len(problems) == 2 and "payers.csv missing" in problems[0] and "patients.csv" in problems[1]


def test_an_unsealed_folder_is_read_as_it_would_be(lab):
    write_files(lab.root / "inbox" / "2025-01-31 north", minimal())
    result = checked(lab, "2025-01-31 north")
    assert result.is_acceptable
    assert result.verdict == (
        "2025-01-31 north is not sealed, so it would not be read yet; sealed, it would be taken: 5 rows of 5 files, full, dated 2025-01-31."
    )


@pytest.mark.parametrize(
    ("files", "told"),
    [({"people.csv": "Id\n"}, "no Synthea CSV file"), ({**minimal(), "patients-1.csv": "Id\n"}, "whole and in parts")],
)
def test_an_unsealed_folder_that_cannot_be_sealed(lab, files, told):
    write_files(lab.root / "inbox" / "d", files)
    result = checked(lab)
    assert not result.is_acceptable and told in result.verdict


def test_a_known_drop_changes_nothing(lab):
    lab.take(minimal(), "first")
    lab.drop("copy", minimal())
    assert checked(lab, "copy").verdict == "copy is known: accepted as first; offered again it changes nothing."


def test_a_drop_of_a_later_day_waits(lab):
    lab.drop("d", minimal(), "2027-01-01")
    assert checked(lab).verdict == "d would wait for its day, 2027-01-01; then its 5 rows would be taken."


def test_two_drops_of_one_date_sequence_and_producer_are_warned_of(lab):
    lab.take(minimal(), "first")
    lab.drop("d", {"conditions.csv": CONDITIONS})
    assert [w for w in checked(lab).warnings if "the same date" in w] == [
        "first has the same date (2025-01-31), sequence (0) and producer (default); which of both counts last is then left to their ids."
    ]


def test_repeated_keys_other_files_and_unlisted_files_are_warned_of(lab):
    lab.drop("d", {**minimal(conditions=CONDITIONS + CONDITIONS.splitlines()[1] + "\n"), "people.csv": "a\n"})
    write_files(lab.root / "inbox/d", {"late.csv": "a\n"})
    assert set(checked(lab).warnings) == {
        "people.csv: not a Synthea file; not read.",
        "conditions: 1 rows repeat a key; the last counts.",
        "late.csv is not in the manifest; not read.",
    }


def test_a_folder_that_is_not_there(lab):
    with pytest.raises(ServiceError, match="not a folder"):
        checked(lab, "nowhere")
