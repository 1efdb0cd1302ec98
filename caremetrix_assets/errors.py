"""The errors a person sees: one or two sentences that say what, where and what to do.

Exit codes live here because the command line, the sensor and the steps must agree on them. No value of a
patient's row ever goes into a message: file names, line numbers, column names, counts and keys only.
"""


class CaremetrixError(Exception):
    """An expected failure. ``str(error)`` is fit for a terminal; ``exit_code`` is what the process returns."""

    exit_code = 1


class InputError(CaremetrixError):
    """A drop, file or feed that cannot be accepted; the lake stays as it was (exit code 1)."""


class CheckFailed(CaremetrixError):
    """A blocking check failed; the published data stays as it was (exit code 1)."""


class UsageError(CaremetrixError):
    """A wrong option, setting or contract (exit code 2)."""

    exit_code = 2


class ServiceError(CaremetrixError):
    """A file, folder, bucket or service that is needed is not there or refuses (exit code 3)."""

    exit_code = 3
