"""What PyPI gets, how it is installed, what the recipe and the workflows say of it, and how it is released."""
