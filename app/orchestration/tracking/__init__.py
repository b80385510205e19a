"""What a customer sees of its order, and may ask for."""
