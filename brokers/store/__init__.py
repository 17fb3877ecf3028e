"""Everything about messages in PostgreSQL: the only room with SQL about them."""
