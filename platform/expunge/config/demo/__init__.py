"""The demonstration: one deletion driven through everything, for real, told as it goes.

* :mod:`people` - the invented organisation and its four people;
* :mod:`training` - the data, and the models trained on it;
* :mod:`story` - the tickets, and what happens to them, in the terminal.
"""
