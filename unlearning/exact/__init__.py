"""Exact routes: what is served afterwards was trained without the records; one file each."""
