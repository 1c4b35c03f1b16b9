"""Tasks in other processes. The rules of a task run stay in its flow's process, and only its function goes to a worker.

transfer.py   what travels: values as bytes, and which part of a value cannot
errors.py     exceptions with their tracebacks
jobs.py       one call of a task's function, with what its code may ask about its runs
worker.py     the worker's side: calls the function, and tells what happens meanwhile
channel.py    messages over a socket
child.py      a worker that is a process of its own
news.py       the flow's side: takes in what workers tell
"""
