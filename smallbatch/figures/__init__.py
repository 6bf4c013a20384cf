"""Figures: their look (`style`), data (`evidence`), files (`packet`), and one file per family (`catalogue`).

Draws from tables and never trains. No other room imports this one, and nothing here knows a page of the book.
`python -m smallbatch.figures STUDY` writes them all.
"""
