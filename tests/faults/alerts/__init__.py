"""Which alert each kind of fault raises, beside Debian's Prometheus with the rules of `deploy/`."""
