"""The server on a laptop: bells in this process, objects in files, HTTP in front and the clockwork beside."""
