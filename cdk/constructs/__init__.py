"""The parts of the cloud, one a file."""
