"""How limits on tasks with a tag are named. Standard library only: every script needs it."""

from __future__ import annotations

TAG_PREFIX = "tag:"
"""What the name of a limit on tasks with a tag begins with; the tag follows."""

MAX_TAG_LIMITS = 500
"""How many there may be: every report of every run is answered with those that are active."""
