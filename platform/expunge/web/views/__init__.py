"""Views per page group: parse, call a service or selector, render."""
