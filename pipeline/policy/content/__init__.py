"""What a text says: whether it holds what the recipient's country asks for, and nothing forbidden.

``rules`` is what a country asks, ``check`` is the way in; the rest is a file a question.
"""
