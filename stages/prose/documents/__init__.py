"""Documents and conversations to rows that an adapter learns from."""
