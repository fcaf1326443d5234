"""The table that the hub records."""

import sync
from benchmarks.capture_app.models import Hubbed

sync.register(Hubbed)
