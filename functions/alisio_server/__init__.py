"""The API server: the same code answers on a laptop (`embedded`) and in Lambda (`functions/handlers`)."""
