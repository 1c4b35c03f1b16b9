"""Reads: rows in, contract models out. One module a resource; nothing here writes."""
