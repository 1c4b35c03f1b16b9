"""What to send for each route, and how to read its answer. Nothing here does IO.

`base` holds the parts; the other modules have one function a route, each of which returns a `Call`. A driver
(`alisio.client.client` is the synchronous one) hands the call to a transport and the reply to `read_answer`.
"""
