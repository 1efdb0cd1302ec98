"""mart_revenue_lost: refused claims, write-offs and work without a charge, on literal lines, entries and events."""

from caremetrix_assets_tests.harness import Row
from caremetrix_assets_tests.tables.money import entry, event, line, of, sk
from caremetrix_assets_tests.tables.test_mart_revenue_lost import KEYS, MONEY, lost, name_of


def claim(name: str = "c1") -> Row:
    return {"claim_id": name, "patient_id": "p1", **KEYS, "service_date": "2025-03-01", "partition_date": "2025-03-01"}


def denied_example() -> dict[str, list[Row]]:
    """100.00 and 50.00 charged; 20.00 paid before the denial on 10 March; submitted again on the 20th, 90.00 paid on 5 April."""
    return {
        "fact_claim": [claim()],
        "fact_claim_line": [line("c1:1", "2025-03-01", "100.00"), line("c1:2", "2025-03-01", "50.00"), line("c1:3", "2025-03-12", "7.00")],
        "fact_claim_event": [
            event("c1", 1, "submitted", "2025-03-02"),
            event("c1", 2, "denied", "2025-03-10"),
            event("c1", 3, "resubmitted", "2025-03-20"),
            event("c1", 4, "adjudicated", "2025-04-04", paid_amount="90.00", allowed_amount="90.00"),
        ],
        "fact_payment": [
            entry("c1:1", "2025-03-01", "2025-03-05", "payment", "patient", "20.00"),
            entry("c1:1", "2025-03-01", "2025-04-05", "payment", "primary", "80.00"),
            entry("c1:2", "2025-03-01", "2025-04-05", "payment", "primary", "10.00"),
            entry("c1:2", "2025-03-01", "2025-05-05", "payment", "patient", "40.00"),
            entry("c1:3", "2025-03-12", "2025-05-06", "payment", "patient", "7.00"),
        ],
    }


def test_a_denied_claim():
    rows = lost(["2025-03-09", "2025-03-10", "2025-03-20", "2025-04-05", "2025-05-05"], **denied_example())
    assert [of(r, "partition_date", *MONEY) for r in rows] == [
        ["2025-03-10", "open", "130.00", "0.00", "130.00", None],
        ["2025-03-20", "in_progress", "130.00", "0.00", "130.00", None],
        ["2025-04-05", "open", "130.00", "90.00", "40.00", None],
        ["2025-05-05", "recovered", "130.00", "130.00", "0.00", "2025-05-05"],
    ]
    assert of(rows[0], "opportunity_type", "subtype", "source_id", "priority_score") == ["denied_claim", "denied", "c1", 55]


def test_a_claim_that_is_given_up_or_has_nothing_open_is_expired():
    given = denied_example()
    given["fact_claim_event"][2:] = [event("c1", 3, "closed", "2025-03-25")]
    rows = lost(["2025-03-24", "2025-03-25"], **{**given, "fact_payment": []})
    assert [r["status"] for r in rows] == ["open", "expired"]
    written = [
        entry(f"c1:{n}", "2025-03-01", "2025-03-20", "contractual", "primary", amount)
        for n, amount in ((1, "-100.00"), (2, "-50.00"), (3, "-7.00"))
    ]
    rows = lost(["2025-03-19", "2025-03-20"], **{**denied_example(), "fact_payment": written})
    assert [r["status"] for r in rows] == ["open", "expired"]


def test_money_that_is_taken_back_is_lost_again():
    given = denied_example()
    given["fact_payment"].append(entry("c1:1", "2025-03-01", "2025-05-10", "takeback", "primary", "-80.00"))
    [row] = lost(["2025-05-10"], **given)
    # 137.00 came after the denial, the line of 12 March included; 80.00 went back
    assert of(row, *MONEY) == ["open", "130.00", "57.00", "73.00", None]


def test_a_write_off():
    given: dict[str, list[Row]] = {
        "fact_claim_line": [line("c1", "2025-01-01", "100.00")],
        "fact_payment": [
            entry("c1", "2025-01-01", "2025-01-05", "payment", "patient", "10.00"),
            entry("c1", "2025-01-01", "2025-02-01", "courtesy", "patient", "-20.00"),
            entry("c1", "2025-01-01", "2025-03-01", "bad_debt", "patient", "-30.00"),
            entry("c1", "2025-01-01", "2025-03-02", "courtesy", "patient", "-5.00", reversed_date="2025-03-04"),
            entry("c1", "2025-01-01", "2025-04-01", "payment", "patient", "45.00"),
            entry("c1", "2025-01-01", "2025-04-02", "payment", "patient", "15.00"),
        ],
    }
    rows = lost(["2025-02-28", "2025-03-02", "2025-04-01", "2025-04-02"], **given)
    assert [of(r, "subtype", "first_seen_date", *MONEY) for r in rows] == [
        ["courtesy", "2025-02-01", "open", "20.00", "0.00", "20.00", None],
        ["bad_debt", "2025-02-01", "open", "55.00", "0.00", "55.00", None],
        ["bad_debt", "2025-02-01", "open", "50.00", "45.00", "5.00", None],
        ["bad_debt", "2025-02-01", "recovered", "50.00", "50.00", "0.00", "2025-04-02"],
    ]
    assert of(rows[0], "recovery_probability", "expected_recoverable_amount", "source_id") == ["0.1000", "2.00", sk("c1")]


def procedure(name: str, charge: str | None, **more: object) -> Row:
    claim_id, _, number = (charge or "").partition(":")
    own = {
        "procedure_sk": sk(name),
        "procedure_key": 70,
        "started_at": "2025-03-10 09:00:00",
        "base_cost_amount": "60.00",
        "patient_id": "p1",
    }
    return {
        **own,
        **KEYS,
        "claim_id": claim_id or None,
        "line_number": int(number) if charge else None,
        "partition_date": "2025-03-10",
        **more,
    }


def test_work_without_a_charge():
    """No line; a line served two days later; charged nothing where two of three lines are charged, or one of two."""
    lines = [
        line("c1:1", "2025-03-12", "60.00"),
        line("c1:2", "2025-03-10", "0.00"),
        line("old:1", "2025-03-09", "60.00"),
        line("old:2", "2024-03-11", "60.00"),
        line("old:3", "2024-03-10", "0.00"),
        line("c2:1", "2025-03-10", "0.00", procedure_key=71),
        line("c2:2", "2025-03-09", "60.00", procedure_key=71),
    ]
    done = [procedure("a", None), procedure("b", "c1:1"), procedure("c", "c1:2"), procedure("d", "c2:1", procedure_key=71)]
    rows = lost(["2025-03-11", "2025-03-12"], fact_procedure=done, fact_claim_line=lines)
    found = {(r["partition_date"].day, r["source_id"]): r["subtype"] for r in rows}
    assert found == {
        (11, sk("a")): "no_line",
        (11, sk("b")): "no_line",
        (11, sk("c")): "zero_charge",
        (12, sk("a")): "no_line",
        (12, sk("c")): "zero_charge",
    }
    assert of(rows[0], "opportunity_type", "gross_lost_amount", "status", "recovery_probability") == [
        "missed_charge",
        "60.00",
        "open",
        "0.5000",
    ]
    assert lost(["2025-03-11"], fact_procedure=done) == []


def test_a_write_off_of_a_denied_claim_counts_with_the_claim():
    given = denied_example()
    given["fact_payment"] = [entry("c1:1", "2025-03-01", "2025-03-15", "bad_debt", "primary", "-30.00")]
    rows = {r["opportunity_type"]: r for r in lost(["2025-03-20"], **given)}
    assert rows["write_off"]["dedupe_group"] == name_of("denied_claim", "c1")
    assert [rows[kind]["is_counted"] for kind in ("denied_claim", "write_off")] == [True, False]
