"""What is declared: specs as frozen values, free of torch."""
