"""Methods that change weights with the aim of removing what was learned; one file each."""
