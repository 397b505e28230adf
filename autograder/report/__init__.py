"""Reports: renderings of a `Result`. They compute no marks, and everything a student wrote is untrusted in them.

`writing` writes them all; each form of a report has a module of its own. What shows a student's text cleans it with
`text`. Nothing is imported here, since `check` wants that alone.
"""
