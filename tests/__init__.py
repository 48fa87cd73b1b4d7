"""Our own tests; `pytest properties/` never collects them."""
