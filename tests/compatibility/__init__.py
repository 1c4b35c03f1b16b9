"""How much of other people's Prefect examples runs here: `python -m tests.compatibility FOLDER`."""
