"""dim_reason on literal rows of five files: tags, diseases, lasting conditions, the member NOT_RECORDED."""

from pathlib import Path

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets_tests.audit.support import Lab
from caremetrix_assets_tests.harness import Row, build
from caremetrix_assets_tests.oracle import stable_key

HYPERTENSION = {"code": "59621000", "description": "Essential hypertension (disorder)", "system": "SNOMED-CT"}


def condition(number: int = 1, **more: object) -> Row:
    return {"start": "2025-01-01", "patient": f"p{number}", "encounter": f"e{number}", **HYPERTENSION, **more}


def reasons(dates: list[str] | None = None, **given: list[Row]) -> list[Row]:
    built = build("dim_reason", given={f"raw_{name}": rows for name, rows in given.items()}, dates=dates or ["2025-01-31"])
    return [r for r in built if r["reason_key"] > 0 and r["reason_code"] != "NOT_RECORDED"]


def test_all_five_files_bring_reasons():
    rows = reasons(
        conditions=[condition()],
        encounters=[{"id": "e1", "reasoncode": "66383009", "reasondescription": "Gingivitis (disorder)"}, {"id": "e2"}],
        procedures=[{"code": "1", "patient": "p1", "reasoncode": "72892002", "reasondescription": "Normal pregnancy"}],
        medications=[{"code": "2", "patient": "p1", "reasoncode": "195662009", "reasondescription": "Acute viral pharyngitis (disorder)"}],
        careplans=[{"id": "k1", "reasoncode": "47505003", "reasondescription": "Posttraumatic stress disorder"}],
    )
    assert {r["reason_code"]: (r["description"], r["semantic_tag"]) for r in rows} == {
        "59621000": ("Essential hypertension", "disorder"),
        "66383009": ("Gingivitis", "disorder"),
        "72892002": ("Normal pregnancy", None),
        "195662009": ("Acute viral pharyngitis", "disorder"),
        "47505003": ("Posttraumatic stress disorder", None),
    }
    assert {r["code_system"] for r in rows} == {"SNOMED"}
    assert {r["reason_key"] for r in rows if r["reason_code"] == "59621000"} == {stable_key("reason", "SNOMED", "59621000")}


def test_disease_is_a_disorder_or_an_untagged_condition_unless_the_list_says_otherwise():
    texts = {
        "59621000": "Essential hypertension (disorder)",
        "160903007": "Full-time employment (finding)",
        "314529007": "Medication review due (situation)",
        "840539006": "COVID-19",
        "840544004": "Suspected COVID-19",
        "72892002": "Normal pregnancy",
        "162864005": "Body mass index 30+ - obesity (finding)",
    }
    rows = reasons(
        conditions=[condition(i, code=c, description=t) for i, (c, t) in enumerate(texts.items())],
        encounters=[{"id": "e1", "reasoncode": "256355007", "reasondescription": "Soy bean"}],
    )
    assert {r["reason_code"]: r["is_disease"] for r in rows} == {
        "59621000": True,
        "160903007": False,
        "314529007": False,
        "840539006": True,
        "840544004": False,
        "72892002": False,
        "162864005": True,
        "256355007": False,
    }
    assert {r["reason_code"] for r in rows if r["is_chronic"]} == {"59621000", "162864005"}


def test_an_untagged_reason_is_a_disease_from_the_day_it_is_a_condition():
    given = {
        "encounters": [{"id": "e1", "reasoncode": "444470001", "reasondescription": "Injury of anterior cruciate ligament"}],
        "conditions": [condition(code="444470001", description="Injury of anterior cruciate ligament", partition_date="2025-01-10")],
    }
    assert [r["is_disease"] for r in reasons(["2025-01-09", "2025-01-10"], **given)] == [False, True]


def test_brackets_that_are_no_tag_stay():
    rows = reasons(
        conditions=[condition(1, code="1", description="Hepatitis (HCV)"), condition(2, code="2", description="Pain (severe) (finding)")]
    )
    assert {r["reason_code"]: (r["description"], r["semantic_tag"]) for r in rows} == {
        "1": ("Hepatitis (HCV)", None),
        "2": ("Pain (severe)", "finding"),
    }


def test_code_systems():
    systems = {"1": "http://snomed.info/sct", "2": None, "I10": "ICD10", "J45": None, "5": "Unknown", "6": "LOCAL"}
    rows = reasons(conditions=[condition(i, code=c, system=s) for i, (c, s) in enumerate(systems.items())])
    assert {r["reason_code"]: r["code_system"] for r in rows} == {
        "1": "SNOMED",
        "2": "SNOMED",
        "I10": "ICD10",
        "J45": "ICD10",
        "5": "SNOMED",
        "6": "OTHER",
    }


def test_the_text_most_used_as_of_the_day():
    given = {
        "conditions": [
            condition(1, description="Hypertension"),
            condition(2),
            condition(3, partition_date="2025-01-10"),
            condition(3, description="Hypertension", partition_date="2025-01-20", change_type="update"),
        ]
    }
    assert [r["description"] for r in reasons(["2025-01-01", "2025-01-10", "2025-01-20"], **given)] == [
        "Essential hypertension",
        "Essential hypertension",
        "Hypertension",
    ]


def test_not_recorded_and_reserved_members_stand_in_every_snapshot():
    rows = build("dim_reason", dates=["2025-01-30", "2025-01-31"])
    assert [(r["reason_key"], r["code_system"], r["reason_code"], r["is_disease"]) for r in rows[:4]] == [
        (-3, "All", "All", None),
        (-2, "Not applicable", "Not applicable", None),
        (-1, "Unknown", "Unknown", None),
        (stable_key("reason", "CAREMETRIX", "NOT_RECORDED"), "CAREMETRIX", "NOT_RECORDED", False),
    ]
    assert len(rows) == 8


def test_missing_extra_and_textless_members_are_found(tmp_path: Path):
    catalog = load_catalog()
    files = [catalog.table(f"raw_{n}") for n in ("encounters", "procedures", "medications", "careplans", "conditions")]

    def checked(*members: Row) -> dict[str, tuple[str, str]]:
        lab = Lab(tmp_path, catalog.table("dim_reason"), *files)
        lab.relation("raw_conditions", files[-1], [{**HYPERTENSION, "change_type": "insert"}])
        lab.relation("raw_careplans", files[-2], [{"id": "k", "reasoncode": "1", "change_type": "insert"}])
        rows = [{"reason_key": i, **m} for i, m in enumerate(members, 1)]
        results = lab.stage([*rows, {"reason_key": 9, "reason_code": "NOT_RECORDED", "description": "-"}]).run()
        return {n: (results.of(n).status, results.of(n).sample_keys or "") for n in ("dimension_complete", "code_known")}

    known = {"reason_code": "59621000", "description": "Essential hypertension"}, {"reason_code": "1", "description": "One"}
    assert checked(*known) == {"dimension_complete": ("passed", ""), "code_known": ("passed", "")}
    assert checked(known[0])["dimension_complete"] == ("failed", "1")
    assert checked(*known, {"reason_code": "2", "description": "Two"})["dimension_complete"] == ("failed", "2")
    assert checked(known[0], {"reason_code": "1"})["code_known"] == ("failed", "1")
