"""Schedules: when they fall due (`occurrences`, pure), and the runs that are made for those times."""
