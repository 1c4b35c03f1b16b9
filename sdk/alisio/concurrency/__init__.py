"""Holding slots of named limits: `sync` is for code that blocks, `asyncio` for code that awaits."""
