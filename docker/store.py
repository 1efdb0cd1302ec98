"""What compose needs done in the object store: ``buckets`` makes them, ``bring FOLDER`` copies sealed drops into the inbox.

The place and its credentials come from the settings, as for every command; not part of the package.
"""

import sys
from pathlib import Path
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import ClientError

from caremetrix_assets.lake.reader import open_place
from caremetrix_assets.settings import load_settings

MARK = "manifest.json"


def make_buckets() -> None:
    """Makes the buckets of lake and inbox where they are missing."""
    settings = load_settings()
    client = boto3.client("s3", endpoint_url=settings.s3_endpoint, region_name=settings.s3_region)
    for name in sorted({urlsplit(place).netloc for place in (settings.lake, settings.inbox)}):
        try:
            client.head_bucket(Bucket=name)
            print(f"bucket {name} is there")
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
                raise
            client.create_bucket(Bucket=name)
            print(f"bucket {name} was made")


def bring(source: Path) -> None:
    """Copies every sealed drop directly below ``source``; its manifest last, since that is what makes it complete."""
    settings = load_settings()
    inbox = open_place(settings.inbox, settings)
    for mark in sorted(source.glob(f"*/{MARK}")):
        drop = mark.parent
        files = [path for path in sorted(drop.rglob("*")) if path.is_file() and path != mark]
        for path in [*files, mark]:
            inbox.write(f"{drop.name}/{path.relative_to(drop).as_posix()}", path.read_bytes())
        print(f"drop {drop.name}: {len(files)} files")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["buckets"]:
            make_buckets()
        case ["bring", folder]:
            bring(Path(folder))
        case _:
            sys.exit("usage: store.py buckets | store.py bring FOLDER")
