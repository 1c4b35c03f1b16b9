"""Names for runs that nobody named: a wind and a thing it moves. Standard library only."""

from __future__ import annotations

import random

_ADJECTIVES = (
    "amber", "azure", "brave", "brisk", "calm", "clear", "coral", "crisp", "dawn", "eager", "early", "fair",
    "fleet", "fresh", "gentle", "glad", "golden", "grand", "happy", "hardy", "keen", "kind", "light", "lively",
    "lucid", "merry", "mild", "misty", "noble", "northern", "opal", "pearly", "placid", "proud", "quick", "quiet",
    "rapid", "ready", "salty", "serene", "sharp", "silent", "silver", "southern", "steady", "sunny", "swift",
    "tidal", "tidy", "tranquil", "trusty", "velvet", "vivid", "warm", "western", "wise", "zesty",
)  # fmt: skip
_NOUNS = (
    "albatross", "anchor", "bay", "beacon", "breeze", "brig", "buoy", "cape", "caravel", "cirrus", "clipper", "cloud",
    "cove", "current", "cutter", "dolphin", "drift", "dune", "ferry", "fjord", "frigate", "gale", "gull", "harbour",
    "heron", "island", "isthmus", "jib", "kestrel", "kite", "lagoon", "lantern", "levante", "lugger", "mast",
    "meridian", "mistral", "monsoon", "mooring", "osprey", "passage", "pelican", "petrel", "pilot", "reef", "rudder",
    "sail", "schooner", "sextant", "shoal", "skipper", "sloop", "spray", "squall", "strait", "swell", "tern", "tide",
    "tramontana", "voyage", "wave", "zephyr",
)  # fmt: skip


def new_name() -> str:
    """Make a name such as `steady-zephyr`.

    Returns:
        Two words joined by a dash. Names help people talk about runs; only ids are unique.
    """
    return f"{random.choice(_ADJECTIVES)}-{random.choice(_NOUNS)}"
