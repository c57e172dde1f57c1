"""Words go out once, answers come back: knows messages, never why they are sent."""
