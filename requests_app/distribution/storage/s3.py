"""Published files in an S3-compatible object store, reached by boto3."""
