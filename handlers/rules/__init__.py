"""The decisions, each a pure function; its number is that of `docs/rules.md`."""
