"""The kernel, narrow and named after it.

Each file is one facility of Linux, with just the calls that are used and the manual page that explains them. Nothing
here knows what a program, a daemon or a log is. Every module imports on every platform; calling what a platform does
not have raises there, not before.
"""
