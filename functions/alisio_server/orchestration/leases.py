"""The times that the life of a run goes by."""

from __future__ import annotations

from datetime import timedelta

LEASE_SECONDS = 30.0
"""How long an agent or an executor is believed to be alive after it was last heard of."""

EARLY_CLAIM_SECONDS = 2.0
"""How long before it is due a run may be claimed; the agent waits that out."""

START_TIMEOUT_SECONDS = {"process": 60.0}
"""By the type of a pool: how long an agent may keep a run PENDING, however often it renews the lease."""

MAX_UNSTARTED_CLAIMS = 5
"""After as many claims in a row of which none started, a run is CRASHED."""

LATE_AFTER_SECONDS = 15.0
"""How long after it was due an unclaimed run is called Late."""

IN_PLACE_RETRY_SECONDS = 30.0
"""Up to this delay a failed attempt is retried by its own supervisor, which keeps lease and slots."""

HORIZON = timedelta(minutes=15)
"""How far ahead schedules are materialised and wake-ups are sent."""

TICK_SECONDS = 5.0
"""From one tick of a laptop's clockwork to the next."""

LEASE = timedelta(seconds=LEASE_SECONDS)
EARLY_CLAIM = timedelta(seconds=EARLY_CLAIM_SECONDS)
LATE_AFTER = timedelta(seconds=LATE_AFTER_SECONDS)
