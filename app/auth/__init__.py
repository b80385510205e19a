"""Who is who: principals, passwords, tokens and keys."""
