"""What `plots.py` draws, a module for each part of the unit. You need not read this, but you may change all of it.

Each plot is two functions: one measures, with your own functions, and returns numbers; one draws these numbers.
"""
