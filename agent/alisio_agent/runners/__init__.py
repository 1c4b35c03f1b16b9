"""Runners start the infrastructure of a flow run; so far, a process on this host."""
