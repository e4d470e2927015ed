"""Turning the intermediate model into Python: one module of views and one template for each kind of file."""
