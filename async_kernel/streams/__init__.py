"""stdout, stderr and input as requests see them: text goes to the request whose code wrote it.

Text of Python code needs no thread here; one reads the pipes that stand in place of the descriptors (`descriptors`),
because C code and children write there while everything else may be blocked.
"""
