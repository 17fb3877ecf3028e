"""A shop: 10,000 orders, payments in order, mails that bounce, and the books that prove that nothing was lost."""
