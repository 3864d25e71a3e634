"""Where data lives: layout of objects, source files, staging, atomic publish and the ledger.

What belongs here: storage and the records about it. What does not: transformations (`compute`) and orchestration.
"""
