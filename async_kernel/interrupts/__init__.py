"""Interrupts: ending the work of a thread now, without harming the next."""
