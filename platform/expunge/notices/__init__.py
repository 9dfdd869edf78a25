"""What leaves the house: mails and signed webhooks, from an outbox in the database."""
