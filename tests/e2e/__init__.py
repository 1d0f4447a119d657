"""Real processes and real clients: what Jupyter's users and front ends see of the kernel."""
