"""MongoDB behind one small port."""
