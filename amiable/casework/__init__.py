"""People at work beside the stream: cases, tasks, disputes, notes, notifications."""
