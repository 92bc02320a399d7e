"""Walks that were written for one cell by hand; each names its cell, and fits no other."""
