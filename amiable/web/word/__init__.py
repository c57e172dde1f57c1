"""The room in which a colleague gives a word about a customer, by a signed link and without an account."""
