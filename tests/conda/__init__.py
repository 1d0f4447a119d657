"""The conda recipe, built, solved, installed, run, upgraded and removed, with no conda channel in reach."""
