"""Runs text as Python code, inside a sandpool task.

`snippets` is the centre: it compiles and runs code. `values` is the form in which values
travel, and runs in any Python. What a snippet can reach besides is in `tools`, `requests`
and `files`; what it cannot, in `refusals`.
"""
