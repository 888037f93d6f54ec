"""Where the bytes of published files lie.

Only the distribution room reaches in here; faces know `base.StorageError` alone.
"""
