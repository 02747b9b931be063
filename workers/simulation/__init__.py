"""What a campaign would come to at some instant, decided on paper: nothing is sent or written.

``files_world`` and ``database_world`` tell what is known, ``judge`` decides for one recipient after
another, ``summary`` adds up; the rest is a file a question. The rules are the pipeline's own.
"""
