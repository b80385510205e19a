"""Work in the background. The only user of arq."""
