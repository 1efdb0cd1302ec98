"""The front door to objects: ``open_storage`` and the names other packages use.

What lives elsewhere: what a storage promises (``objects``), how it is kept (``local``, ``s3``).
"""

from typing import TYPE_CHECKING

from caremetrix_assets.errors import UsageError
from caremetrix_assets.lake.local import LocalStorage
from caremetrix_assets.lake.objects import Conflict, MissingObject, ObjectInfo, Storage

if TYPE_CHECKING:
    from caremetrix_assets.lake.s3 import S3Options

__all__ = ["Conflict", "LocalStorage", "MissingObject", "ObjectInfo", "Storage", "open_storage"]


def open_storage(url: str, options: "S3Options | None" = None) -> Storage:
    """The storage at ``url``: a folder's path or ``s3://bucket/prefix``. Connects to nothing yet; UsageError for anything else."""
    if url.startswith("s3://"):
        from caremetrix_assets.lake.s3 import S3Options, S3Storage

        return S3Storage(url, options or S3Options())
    if not url.strip() or "://" in url:  # the address is not repeated: it may carry a password
        raise UsageError("A lake or inbox is a folder or s3://bucket/prefix; the address given is neither.")
    return LocalStorage(url)
