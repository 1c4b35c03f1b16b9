"""The wire: enums and pydantic models that the server, the SDK and the agent share.

Import the module you need (`alisio.contract.states`, `alisio.contract.reports`, ...). This package imports nothing of
ours outside itself, and `states`, `ids`, `names` and `retries` import the standard library only, so that the decorators
stay quick to import.
"""
