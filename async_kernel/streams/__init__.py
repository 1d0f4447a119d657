"""stdout, stderr and input as requests see them: what is written goes to the request whose code wrote it."""
