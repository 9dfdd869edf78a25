"""What the verifier and the planner wrote in English, said in the language of a document.

A report keeps the verifier's own words, with numbers in them. A phrasebook (``de.txt``) holds the
patterns of those sentences and what they are in another language; places to fill are numbers, or
phrases themselves. A sentence that the book cannot say whole is not said at all
(:class:`Unspoken`): a document would rather name the result by its code than mix languages.
Pure: no Django.
"""

from expunge.certificates.phrases.book import Unspoken, attack_words, said

__all__ = ["Unspoken", "attack_words", "said"]
