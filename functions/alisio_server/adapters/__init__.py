"""Implementations of the ports: one package for each place where the server runs."""
