"""One module a Lambda function: an event in, one call of the server's code, its answer out."""

from __future__ import annotations

import gc

# What is imported stays, more than 100,000 objects. Searching it for garbage, which Python does 200 times meanwhile by
# default, takes a twentieth of a function's start.
gc.set_threshold(50_000)
