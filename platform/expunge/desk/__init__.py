"""What a person keeps at work: saved views of the list, and runs over many tickets."""
