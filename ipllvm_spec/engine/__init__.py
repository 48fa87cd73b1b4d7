"""One process per device runs the models; everybody else asks it."""
