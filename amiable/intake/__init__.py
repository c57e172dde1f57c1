"""Claims come in from files: read, shown, corrected, loaded whole or not at all."""
