"""Data: frozen values with no behaviour that needs a clock, a broker or a database."""
