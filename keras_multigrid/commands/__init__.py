"""The commands of the command line, `keras-multigrid`."""
