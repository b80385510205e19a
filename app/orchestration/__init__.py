"""What Doorstep does, a package per noun.

operations: units of work; queries: reads narrowed to the viewer; policies: pure rules.
"""
