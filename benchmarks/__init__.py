"""How good and how fast: the same work given to Doorstep and to the solvers people would use instead."""
