"""The network as one document: what nodes, goods and carriers can do beyond their rows."""
