"""Which step is due, for whom, by which channel and why; or why not."""
