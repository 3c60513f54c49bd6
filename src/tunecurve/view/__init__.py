"""The live page: all runs of a folder in a browser on this machine, read as they go on."""
