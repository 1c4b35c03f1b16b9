"""The agent: it claims flow runs of a work pool and starts a supervisor for each."""
