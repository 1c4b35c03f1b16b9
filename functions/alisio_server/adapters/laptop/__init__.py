"""The ports on a laptop: bells in this process, objects in files."""
