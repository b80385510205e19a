"""The carriers that karrio knows (an optional extra), each call in a process of its own.

Importing karrio turns off TLS verification for the whole process it is imported into, and karrio is synchronous:
nothing but process.py may import it, and only as the program of a child process.
"""
