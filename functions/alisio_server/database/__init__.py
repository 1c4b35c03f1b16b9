"""The database: tables, engine, queries and migrations."""
