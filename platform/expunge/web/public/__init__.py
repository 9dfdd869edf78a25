"""Pages for data subjects, without an account: the form, and the status page by secret link."""
