"""Blocks: configuration that is stored under a name, with its secrets encrypted.

`core` has `Block`, `system` the blocks for single values, `fields` types of fields, `abstract` what kinds of blocks
can do. Nothing here is imported by `from alisio import flow, task`.
"""
