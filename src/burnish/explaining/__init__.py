"""Why techniques work, on a person's own data: a panel for each, its numbers apart from its drawing."""
