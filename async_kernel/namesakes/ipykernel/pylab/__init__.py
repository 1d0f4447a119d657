"""`ipykernel.pylab`: where matplotlib's inline backend was before it became a package of its own."""
