"""Shapes of rows: chat files, annotation exports and other forms in which people hold an input and its target.

One shape is one file with a class derived from `base.Shape`, and a line in `registry.py`. `registry.recognise` finds the one that fits
a sample of the rows; `reader.PlainRows` turns every row into plain cells, whatever its shape.
"""
