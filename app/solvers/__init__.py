"""Solvers: plain data in, plain data out. No models, no database, no clock; seed and stopping rule are arguments."""
