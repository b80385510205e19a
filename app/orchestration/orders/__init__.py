"""Orders: the promise to a customer, from intake to cancellation."""
