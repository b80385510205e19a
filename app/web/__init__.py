"""HTTP beside GraphQL: uploads, pages, health."""
