"""Locks on cache keys and on keys of transactions: `alisio.locking.memory`, `alisio.locking.filesystem`."""
