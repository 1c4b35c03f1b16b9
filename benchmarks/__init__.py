"""Benchmarks of the product, one file a row under `rows/`. `make bench` runs them."""
