"""What is known of each customer as of a date: facts, segments, scores."""
