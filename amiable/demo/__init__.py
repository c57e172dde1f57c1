"""An invented world that tries the house out: customers who forget, pay, dispute and promise, through the real doors."""
