"""What is particular to each e-mail service provider: what it must be told, how it calls, what its errors mean."""
