"""`ipykernel.pylab.backend_inline`: matplotlib_inline's."""

from matplotlib_inline.backend_inline import *
