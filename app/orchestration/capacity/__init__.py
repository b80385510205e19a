"""What shipments take of days: a node's throughput, a carrier's and its services' limits, its contracts."""
