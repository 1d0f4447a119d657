"""`ipykernel.pylab.config`: matplotlib_inline's."""

from matplotlib_inline.config import *
