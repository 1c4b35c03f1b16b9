"""Small parts at the addresses where users of Prefect look for them."""
