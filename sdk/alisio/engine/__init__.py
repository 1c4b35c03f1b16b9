"""Runs flows and tasks: rules without IO (generators of effects), a sync and an async driver, and the reporting.

Start reading at `calls.py`. Nothing here is imported before a flow or a task is made, and nothing heavy
(pydantic, asyncio, the client) before it is needed.
"""
