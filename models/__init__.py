"""Values: frozen data, with no behavior that needs a clock, a broker or a database."""
