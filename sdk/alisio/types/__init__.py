"""Types of what options take, where Prefect's users import them from."""
