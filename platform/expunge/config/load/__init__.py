"""An organisation as large as the largest ones, for measuring: invented, and made in bulk."""
