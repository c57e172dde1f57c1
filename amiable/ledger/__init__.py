"""Who owes what, to the cent: invoices and credits come in as rows, the database keeps their residuals."""
