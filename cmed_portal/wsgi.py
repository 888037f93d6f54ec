"""WSGI entry point, used by gunicorn in both shapes."""

import ctypes
import gc
import os
from contextlib import suppress

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cmed_portal.settings")

# glibc keeps what threads have freed, for each of them. An archive out of an object store is
# fetched by many threads in pieces of megabytes: so few heaps, and pieces go back at once.
_ARENAS, _LARGE = -8, -3  # M_ARENA_MAX, M_MMAP_THRESHOLD of mallopt(3)
with suppress(AttributeError):  # another C library
    ctypes.CDLL(None).mallopt(_ARENAS, 2)
    ctypes.CDLL(None).mallopt(_LARGE, 1 << 20)

application = get_wsgi_application()

# What is loaded by now stays to the end: the garbage collector need not look at it for every few
# requests anew.
gc.collect()
gc.freeze()
gc.set_threshold(20_000, 20, 20)
