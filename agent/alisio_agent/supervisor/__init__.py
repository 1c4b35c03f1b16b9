"""The supervisor of a flow run: it reports, watches, cancels, and says how the run died.

It never imports user code, and nothing but the standard library and its own modules: one of these processes
lives for every run, so each megabyte counts. That is also why these modules use neither dataclasses nor `gzip`.
"""
