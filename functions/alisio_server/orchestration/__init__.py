"""The rules: how runs are created, claimed, reported on, ended, scheduled and woken.

`transitions.py` decides, without touching a database; the other modules ask it and store what it says.
"""
