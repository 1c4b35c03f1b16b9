"""Where flows come from that are not in the code at hand: `alisio.runner.storage`."""
