"""What a data subject does with us: ask, show who they are, follow the request."""
