"""Implementations of the ports, and what else differs: one package for each place where the server runs."""
