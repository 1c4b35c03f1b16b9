"""HTTP in, HTTP out: one module a resource, without SQL and without rules."""
