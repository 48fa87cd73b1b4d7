"""Pure measures of arrays: metrics, drops and aggregates."""
