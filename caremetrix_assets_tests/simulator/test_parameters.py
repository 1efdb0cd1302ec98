"""Parameters: the defaults, files that change some, what is refused, the hash."""

from datetime import date

import duckdb
import pytest

from caremetrix_assets.errors import ServiceError, UsageError
from caremetrix_assets.simulator.parameters import defaults, load_parameters
from caremetrix_assets_tests.simulator.lab import changed

DAY = date(2022, 1, 1)


def loaded(tmp_path, text):
    path = tmp_path / "practice.toml"
    path.write_text(text)
    return load_parameters(path)


def test_the_defaults_pass_their_own_checks(tmp_path):
    text = "\n".join(f"[{section}]\n" + "\n".join(f"{k} = {_toml(v)}" for k, v in keys.items()) for section, keys in defaults().items())
    assert loaded(tmp_path, text).values == defaults()


def _toml(value):
    return "{" + ", ".join(f'"{k}" = {v}' for k, v in value.items()) + "}" if isinstance(value, dict) else str(value)


def test_a_file_changes_what_it_names_and_nothing_else(tmp_path):
    found = loaded(
        tmp_path, "start = 2023-02-01\n[fate]\nmoved = 0\nlate_notice_minutes = [5, 90]\n[rooms]\ntypes={exam=1, chair=0, procedure=0}\n"
    )
    assert found.start == date(2023, 2, 1)
    assert found.values["fate"]["moved"] == 0.0
    assert found.values["fate"]["late_notice_minutes"] == [5, 90]
    assert found.values["rooms"]["types"] == {"exam": 1.0, "chair": 0.0, "procedure": 0.0}
    assert found.values["fate"]["no_show"] == 0.5
    assert loaded(tmp_path, 'start = "2023-02-01"').start == date(2023, 2, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[fate]\nmoved = 1.5", "fate.moved must be a share between 0 and 1 such as 0.15"),
        ("[fate]\nmoved = true", "fate.moved must be a share"),
        ("[fate]\nmoved_min_gap = 2.5", "fate.moved_min_gap must be a whole number from 0 on such as 31"),
        ("[fate]\nmoved_later = [5, 2]", "fate.moved_later must be a range of two whole numbers such as [2, 14], the lower one first"),
        ("[fate]\nmoved_later = [5]", "fate.moved_later must be a range"),
        ("[fate]\nmoved_latr = [2, 5]", "fate.moved_latr is no parameter; fate has moved, "),
        ("[fates]\nmoved = 0.1", "fates is no section of parameters; there are late, forward, "),
        ("moved = 0.1", "moved is no section of parameters"),
        ("[rooms]\ntypes = {exam = 1.0}", "rooms.types must be a table with a share for each of exam, chair, procedure"),
        ("[rooms]\ntypes = {exam = 0.5, chair = 0.2, procedure = 0.2}", "rooms.types: the shares of exam, chair, procedure must lie"),
        ("start = 2022", "start must be a date such as 2022-01-01"),
        ("[late]\ndays = 5", "late.days must be at least 8: a visit may appear that late"),
        ("[late]\ndays = 9", "money.statement_wait must be at least 10: a late claim would change a statement already sent"),
        ("[fate]\nmoved = 0.9\nlate = 0.1", "fate.moved + fate.cancelled + fate.late must not exceed 1"),
        ("[fate]\nunmet_notice_minutes = [30, 1500]", "fate.unmet_notice_minutes must be at most 1439"),
        ("[claims]\nappealed_after = [0, 3]", "claims.appealed_after must be at least 1: each step lies on a later day"),
        ("[money]\npaid_after = [3, 30]", "money.paid_after must be at most 27: a payment comes before the next statement"),
        ("[money]\ncontractual_base = 0.8", "money.contractual_base + money.contractual_span must not exceed 1"),
        ("[forward]\nrecall_message_notice = [20, 30]", "forward.recall_message_notice must lie before forward.recall_call_notice"),
        ("[fate", "is not TOML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, message):
    with pytest.raises(UsageError) as error:
        loaded(tmp_path, text)
    assert message in str(error.value)
    assert str(error.value).startswith(str(tmp_path / "practice.toml"))


def test_a_missing_file_is_a_missing_file(tmp_path):
    with pytest.raises(ServiceError, match=r"none\.toml is not a file"):
        load_parameters(tmp_path / "none.toml")


def test_the_hash_tells_parameters_and_start_apart():
    base = load_parameters()
    assert base.hash(DAY) == load_parameters().hash(DAY) == changed(fate__moved=0.15).hash(DAY)
    assert len({base.hash(DAY), base.hash(date(2022, 1, 2)), changed(fate__moved=0.14).hash(DAY)}) == 3


def test_macros_choose_by_a_number():
    con = duckdb.connect()
    for macro in changed(rooms__types={"exam": 0.5, "chair": 0.0, "procedure": 0.5}).macros():
        con.execute(macro)
    chosen = con.execute(
        "select fate_moved(), fate_moved_min_gap(), fate_moved_later(0.0), fate_moved_later(0.9999), fate_moved_later_from(), "
        "fate_moved_later_to(), claims_submitted(0.2499), claims_submitted(0.25), claims_submitted(0.99), "
        "rooms_types(0.4999), rooms_types(0.5)"
    ).fetchall()
    assert chosen == [(0.15, 31, 2, 14, 2, 14, 0, 1, 6, "exam", "procedure")]
