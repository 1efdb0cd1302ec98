"""Names and places: table and partition to object, in a local folder or an S3-compatible bucket, and who may write."""
