"""bridge_patient_coverage on literal spans: order, versions of the insurers, what the drops up to the day tell."""

from datetime import date

from caremetrix_assets_tests.harness import Row, build
from caremetrix_assets_tests.oracle import stable_key
from caremetrix_assets_tests.tables.checked import offenders


def insurer(key: int, name: str, payer_class: str = "private", valid_from: str = "1900-01-01", valid_to: str = "9999-12-31") -> Row:
    return {"payer_key": key, "payer_id": name, "payer_class": payer_class, "valid_from": valid_from, "valid_to": valid_to}


INSURERS = [
    insurer(11, "aetna", valid_to="2024-07-01"),
    insurer(12, "aetna", valid_from="2024-07-01"),
    insurer(21, "medicare", "government"),
    insurer(31, "none", "none"),
]
NAMES = [{"id": name, "partition_date": "2024-01-01"} for name in ("aetna", "medicare", "none")]


def span(patient: str, start: str, end: str | None, payer: str = "aetna", **more: object) -> Row:
    return {"patient": patient, "start_date": f"{start} 21:15:00", "end_date": end and f"{end} 21:15:00", "payer": payer, **more}


def coverage(*spans: Row, dates: list[str] | None = None, names: list[Row] = NAMES) -> list[Row]:
    given = {"raw_payer_transitions": list(spans), "raw_payers": names, "dim_payer": INSURERS}
    return build("bridge_patient_coverage", given=given, dates=dates or ["2025-01-31"])


def test_spans_are_numbered_by_start_and_open_ends_are_the_last_day():
    rows = coverage(
        span("p1", "2024-03-01", None, "none"),
        span("p1", "2023-03-01", "2024-03-01", memberid="m1", plan_ownership="Self"),
        span("p2", "2020-01-01", "2021-01-01", "medicare", secondary_payer="aetna", plan_ownership="Self"),
    )
    assert [(r["patient_id"], r["coverage_seq"], r["coverage_start_date"], r["coverage_end_date"]) for r in rows] == [
        ("p1", 1, date(2023, 3, 1), date(2024, 3, 1)),
        ("p1", 2, date(2024, 3, 1), date(9999, 12, 31)),
        ("p2", 1, date(2020, 1, 1), date(2021, 1, 1)),
    ]
    assert [(r["payer_key"], r["secondary_payer_key"], r["is_insured"], r["member_id"]) for r in rows] == [
        (11, -2, True, "m1"),
        (31, -2, False, None),
        (21, 11, True, None),
    ]
    kinds = [("aetna", "", "Self"), ("none", "", ""), ("medicare", "aetna", "Self")]
    assert [r["insurance_key"] for r in rows] == [stable_key("insurance", *kind) for kind in kinds]


def test_the_insurer_is_the_version_of_the_first_day():
    rows = coverage(span("p1", "2024-06-30", "2024-07-01"), span("p1", "2024-07-01", None, "medicare", secondary_payer="aetna"))
    assert [(r["payer_key"], r["secondary_payer_key"]) for r in rows] == [(11, -2), (21, 12)]


def test_a_span_that_starts_later_has_the_version_known_on_the_day():
    rows = coverage(span("p1", "2024-09-01", None, partition_date="2024-05-01"), dates=["2024-06-30", "2024-07-01"])
    assert [(r["partition_date"], r["payer_key"]) for r in rows] == [(date(2024, 6, 30), 11), (date(2024, 7, 1), 12)]


def test_a_span_of_no_length_is_left_out():
    rows = coverage(span("p1", "2024-01-01", "2024-01-01", "none"), span("p1", "2024-01-01", None, source_ordinal=1))
    assert [(r["coverage_seq"], r["payer_key"]) for r in rows] == [(1, 11)]


def test_the_change_log_up_to_the_day_counts():
    rows = coverage(
        span("p1", "2024-01-10", None),
        span("p1", "2024-01-10", "2025-01-05", partition_date="2025-01-06", change_type="update"),
        span("p1", "2025-01-05", None, "none", partition_date="2025-01-06"),
        span("p1", "2025-01-05", None, "none", partition_date="2025-01-09", change_type="delete"),
        dates=["2025-01-05", "2025-01-06", "2025-01-09"],
    )
    assert [(r["partition_date"].day, r["coverage_seq"], r["coverage_end_date"]) for r in rows] == [
        (5, 1, date(9999, 12, 31)),
        (6, 1, date(2025, 1, 5)),
        (6, 2, date(9999, 12, 31)),
        (9, 1, date(2025, 1, 5)),
    ]


def test_an_insurer_not_known_yet_is_the_unknown_member():
    late = [{"id": "medicare", "partition_date": "2025-01-10"}]
    rows = coverage(span("p1", "2024-01-10", None, "medicare", secondary_payer="medicare"), dates=["2025-01-09", "2025-01-10"], names=late)
    assert [(r["payer_key"], r["secondary_payer_key"], r["is_insured"]) for r in rows] == [(-1, -1, None), (21, 21, True)]


def test_without_spans_it_is_empty():
    assert coverage() == []


DAY = "2025-01-31"


def bridge_row(seq: int, start: str, end: str, day: str = DAY) -> Row:
    return {"patient_id": "p1", "coverage_seq": seq, "coverage_start_date": start, "coverage_end_date": end, "partition_date": day}


def test_overlapping_and_backward_spans_are_found():
    clean = [bridge_row(1, "2023-01-01", "2024-01-01"), bridge_row(2, "2024-01-01", "9999-12-31")]
    known = {"raw_payer_transitions": [span("p1", "2023-01-01", None)]}
    assert offenders("bridge_patient_coverage", "coverage_no_overlap", clean, known) == []
    late = [bridge_row(1, "2023-01-01", "2024-01-02"), *clean[1:]]
    assert offenders("bridge_patient_coverage", "coverage_no_overlap", late, known) == ["p1|1"]
    assert offenders("bridge_patient_coverage", "coverage_no_overlap", clean) == "no payer_transitions in any drop so far"
    assert offenders("bridge_patient_coverage", "coverage_dates_ordered", clean) == []
    assert offenders("bridge_patient_coverage", "coverage_dates_ordered", [bridge_row(1, "2024-01-02", "2024-01-01")]) == ["p1|1"]


def test_missing_and_other_spans_are_found():
    log = {"change_type": "insert", "drop_id": "d", "drop_sequence": 0, "source_ordinal": 0, "drop_date": "2025-01-01"}
    known = {
        "raw_payer_transitions": [
            {**span("p1", "2023-01-01", "2024-01-01", partition_date="2025-01-01"), **log},
            {**span("p1", "2024-01-01", None, partition_date="2025-01-01"), **log},
            {**span("p1", "2024-05-01", "2024-05-01", partition_date="2025-01-01"), **log},
            {**span("p1", "2022-01-01", None, partition_date="2025-01-01"), **log},
            {**span("p1", "2022-01-01", None, partition_date="2025-01-02"), **log, "change_type": "delete", "drop_date": "2025-01-02"},
        ]
    }
    clean = [bridge_row(1, "2023-01-01", "2024-01-01"), bridge_row(2, "2024-01-01", "9999-12-31")]
    assert offenders("bridge_patient_coverage", "dimension_complete", clean, known, newest=DAY) == []
    assert offenders("bridge_patient_coverage", "dimension_complete", clean[:1], known, newest=DAY) == ["p1"]
    other = [*clean, {**bridge_row(1, "2020-01-01", "2021-01-01"), "patient_id": "p9"}]
    assert offenders("bridge_patient_coverage", "dimension_complete", other, known, newest=DAY) == ["p9"]
