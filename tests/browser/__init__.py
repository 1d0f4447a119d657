"""The kernel as its users see it: JupyterLab and Notebook in a real browser, driven as by a hand."""
