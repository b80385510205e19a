"""GraphQL types, inputs and payloads, a file per noun. Shapes only: no SQL, no rules."""
