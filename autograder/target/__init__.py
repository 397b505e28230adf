"""The grader's side of the student's code: what a test calls, and the processes that answer.

`Student` (proxy) is what a test's `student` fixture is. It sends its requests to a target: a `ProcessTarget` (a jailed
worker, or a plain subprocess) or an `InProcessTarget` (a solution, a mistake, the debugger).
"""
