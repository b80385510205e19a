"""GraphQL verbs, a file per noun: from an input to an operation, from its outcome to a payload."""
