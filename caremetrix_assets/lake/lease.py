"""One writer per lake: the lease ``ops/lease.json``, taken by conditional write, renewed, taken over once expired.

Between computers the lease trusts their clocks to agree within ``CLOCK_SECONDS``. What lives elsewhere: who takes it
and what is written under it (``sources``, ``defs``, the command line).
"""

import json
import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType

from caremetrix_assets.errors import ServiceError
from caremetrix_assets.lake.layout import LEASE_KEY
from caremetrix_assets.lake.storage import Conflict, MissingObject, Storage

logger = logging.getLogger(__name__)

LEASE_SECONDS = 60.0
CLOCK_SECONDS = 5.0
POLL_SECONDS = 1.0
WRITE_ATTEMPTS = 20

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class LeaseRecord:
    """What stands in ``ops/lease.json``: who writes, on which computer, until when (UTC) unless renewed.

    ``token`` tells apart two processes of one name; processes that share the lease share it. ``process`` names the one
    process that holds it, so that others on its machine need not wait when it was killed; empty where nobody can tell.
    """

    holder: str
    host: str
    until: datetime
    token: str
    process: str = ""


_NOBODY = LeaseRecord("nobody", "", _NEVER, "")


def this_process() -> str:
    """This process as ``pid/start time/pid namespace``; empty where /proc does not tell."""
    return _described(os.getpid())


def is_gone(process: str) -> bool:
    """True when ``process`` ran in this pid namespace and runs no more; a pid that was given anew has another start time."""
    if not process:
        return False
    pid, _, namespace = process.split("/")
    return namespace == this_process().rpartition("/")[2] and _described(int(pid)) != process


def _described(pid: int) -> str:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
        if fields[0] in "ZX":  # ended, not yet collected by its parent
            return ""
        return f"{pid}/{fields[19]}/{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return ""


class LeaseLost(ServiceError):
    """The lease expired or was taken over: nothing more may be written under it."""


class Lease:
    """The right to write to a lake, as a context manager: enters when acquired, releases on exit.

    ``with Lease(storage, "run 4f2a", on_wait=print) as lease: ...; lease.check()``. With ``shared`` all processes that
    name the same holder hold it together, which is for the steps of one run: the name must then be the run's own,
    leaving the block keeps the lease until it expires, and whoever ends the run calls :meth:`release`.
    """

    def __init__(
        self,
        storage: Storage,
        holder: str,
        *,
        on_wait: Callable[[str], None] | None = None,
        timeout_seconds: float | None = None,
        shared: bool = False,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        """Takes nothing yet. ``on_wait`` gets one sentence per holder waited for; ``timeout_seconds`` None waits for ever."""
        self.storage = storage
        self.holder = holder
        self.shared = shared
        self._on_wait = on_wait or logger.info
        self._timeout = timeout_seconds
        self._seconds = lease_seconds
        self._token = f"shared {holder}" if shared else uuid.uuid4().hex
        self._until = _NEVER
        self._monotonic_until = 0.0  # counted from before the write that prolonged it
        self._lost: str | None = None
        self._stop = threading.Event()
        self._writing = threading.Lock()
        self._renewer: threading.Thread | None = None

    def __enter__(self) -> "Lease":
        self.acquire()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            if self.shared:
                self._stop_renewing()
            else:
                self.release()
        except ServiceError as failed:  # what was done under the lease is done; it ends by itself
            logger.warning("The lease could not be released and ends at %s. %s", self._until.isoformat(), failed)

    def acquire(self) -> None:
        """Waits for the lease, takes it and keeps renewing it; ServiceError after the timeout or when the store cannot hold one."""
        begun, told = time.monotonic(), ""
        while (other := self._write(self._may_take, self._seconds)) is not None:
            who = f"{other.holder} on {other.host}"
            if other.token != told:
                self._on_wait(f"The lake {self.storage.url} is being written by {who}; waiting for it to finish.")
                told = other.token
            if self._timeout is not None and time.monotonic() >= begun + self._timeout:
                raise ServiceError(f"The lake {self.storage.url} is still being written by {who}; try again later.")
            time.sleep(POLL_SECONDS)
        try:
            self._prove_conditions()
        except BaseException:
            self.release()
            raise
        self._stop.clear()
        self._renewer = threading.Thread(target=self._keep_renewing, name="lake-lease", daemon=True)
        self._renewer.start()

    def check(self) -> None:
        """LeaseLost when the lease is no longer held; call it before publishing anything."""
        # Both clocks: the monotonic one stands still while a computer sleeps, the other one can be set back.
        if self._lost is None and (time.monotonic() >= self._monotonic_until or datetime.now(UTC) >= self._until):
            self._lost = "its lease could not be renewed in time"
        if self._lost is not None:
            raise LeaseLost(f"{self.holder} may no longer write to the lake {self.storage.url}: {self._lost}. Run again.")

    def renew(self) -> None:
        """Prolongs the lease now; LeaseLost when it expired or somebody else has taken it."""
        with self._writing:
            self.check()
            other = self._write(self._is_ours, self._seconds)
            if other is not None:
                self._lost = f"{other.holder} on {other.host} has it"
                self.check()

    def release(self) -> None:
        """Lets the next writer in at once; never touches a lease that somebody else has taken over."""
        self._stop_renewing()
        with self._writing:
            self._write(self._is_ours, 0.0)
            self._lost = self._lost or "its lease was released"

    def _is_ours(self, record: LeaseRecord) -> bool:
        return record.token == self._token

    def _may_take(self, record: LeaseRecord) -> bool:
        """A released lease is free at once, one that merely ran out after what the clocks of computers may differ."""
        over = datetime.now(UTC) >= record.until + timedelta(seconds=CLOCK_SECONDS)
        return over or self._is_ours(record) or (record.host == socket.gethostname() and is_gone(record.process))

    def _write(self, allowed: Callable[[LeaseRecord], bool], seconds: float) -> LeaseRecord | None:
        """Puts a record valid for ``seconds`` over one that is ``allowed`` and returns None; else the one that stands there."""
        for _ in range(WRITE_ATTEMPTS):
            etag, record = self._look()
            if not allowed(record):
                return record
            begun = time.monotonic()
            until = datetime.now(UTC) + timedelta(seconds=seconds) if seconds else _NEVER
            process = "" if self.shared else this_process()
            new = LeaseRecord(self.holder, socket.gethostname(), until, self._token, process)
            data = json.dumps(asdict(new) | {"until": until.isoformat()}, sort_keys=True).encode() + b"\n"
            try:
                self.storage.write(LEASE_KEY, data, if_absent=etag is None, if_match=etag)
            except Conflict:  # somebody was first, or it is this very write whose answer was lost: look again
                continue
            self._until, self._monotonic_until = until, begun + seconds
            self._lost = None
            return None
        raise ServiceError(f"The store of {self.storage.url} refuses conditional writes, which a lake needs; use another store.")

    def _look(self) -> tuple[str | None, LeaseRecord]:
        """Etag and record; None and nobody's record when there is none."""
        info = self.storage.info(LEASE_KEY)  # before the record: should that be newer, the write on this etag fails
        if info is None:
            return None, _NOBODY
        try:
            document = json.loads(self.storage.read(LEASE_KEY))
            until = datetime.fromisoformat(document.pop("until")).astimezone(UTC)
            return info.etag, LeaseRecord(until=until, **document)
        except MissingObject:
            return None, _NOBODY
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ServiceError(f"{LEASE_KEY} in {self.storage.url} is damaged: delete it when nothing writes to the lake.") from error

    def _prove_conditions(self) -> None:
        """Some stores accept a condition and ignore it, and then two writers hold the lease: refuse such a store."""
        data = self.storage.read(LEASE_KEY)
        for if_absent, if_match in ((True, None), (False, "0" * 32)):
            try:
                self.storage.write(LEASE_KEY, data, if_absent=if_absent, if_match=if_match)
            except Conflict:
                continue
            raise ServiceError(f"The store of {self.storage.url} ignores conditional writes, which a lake needs; use another store.")

    def _keep_renewing(self) -> None:
        while not self._stop.wait(self._seconds / 4):
            try:
                self.renew()
            except LeaseLost as error:
                logger.error("%s", error)
                return
            except ServiceError as error:  # the store may be back before the lease ends
                logger.warning("The lease could not be renewed and is tried again. %s", error)

    def _stop_renewing(self) -> None:
        self._stop.set()
        if self._renewer is not None:
            self._renewer.join()
            self._renewer = None
