"""The paper's figures, redrawn from stored answers alone."""
