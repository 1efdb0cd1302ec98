"""The S3 servers of the lake's tests, for runs on a bucket."""

from caremetrix_assets_tests.lake.conftest import moto_endpoint, real_endpoint, s3_credentials

__all__ = ["moto_endpoint", "real_endpoint", "s3_credentials"]
