"""People, the organisations they act for, what they may do, and their API tokens."""
