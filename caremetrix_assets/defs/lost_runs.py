"""Runs whose worker died without a word: the sign of life of a worker, and who ends the runs that give none.

Dagster's default launcher does not look after its workers once the code server has gone too (a container that was
killed, a machine that was switched off): the run would stay "started", and with one run at a time nothing else would run.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import dagster as dg

logger = logging.getLogger(__name__)

ALIVE_TAG = "caremetrix/alive"
BEAT_SECONDS = 15.0
# Longer than the lake's lease lasts: whoever follows can write at once.
LOST_AFTER = timedelta(seconds=90)
# Between "started" and the first sign of life the worker loads the definitions.
UNHEARD_AFTER = timedelta(seconds=180)


@contextmanager
def sign_of_life(instance: dg.DagsterInstance, run_id: str) -> Iterator[None]:
    """While inside, the run carries the time of its worker's last sign of life as a tag; not in an instance in memory."""
    if instance.is_ephemeral or not instance.has_run(run_id):
        yield
        return
    stop = threading.Event()
    thread = threading.Thread(target=_beat, args=(instance, run_id, stop), name="sign-of-life", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def end_lost_runs(instance: dg.DagsterInstance, now: datetime) -> list[str]:
    """Marks started runs without a recent sign of life as failed, so that they are retried; returns their ids."""
    lost = []
    for record in instance.get_run_records(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])):
        run = record.dagster_run
        sign = run.tags.get(ALIVE_TAG)
        begun = datetime.fromtimestamp(record.start_time, UTC) if record.start_time else now
        since = datetime.fromisoformat(sign) if sign else begun
        if now - since > (LOST_AFTER if sign else UNHEARD_AFTER):
            instance.report_run_failed(run, f"The worker of this run gave no sign of life since {since:%Y-%m-%d %H:%M:%S} UTC: it died.")
            lost.append(run.run_id)
    return lost


def _beat(instance: dg.DagsterInstance, run_id: str, stop: threading.Event) -> None:
    while True:
        try:
            instance.add_run_tags(run_id, {ALIVE_TAG: datetime.now(UTC).isoformat(timespec="seconds")})
        except Exception as error:  # whatever the database's driver raises while the database is away; the next beat is soon
            logger.warning("The sign of life of run %s could not be written (%s).", run_id, type(error).__name__)
        if stop.wait(BEAT_SECONDS):
            return
