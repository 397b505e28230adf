"""Beyond one machine: a class graded by the workers of a Dask cluster, `--cluster tcp://...` or `--cluster local:N`.

    bundle     the unit as one archive, and its unpacking
    job        on a worker's machine: a process with warm tests and a warm zygote, as `--jobs` has here
    remote     in a Dask worker: it starts that job, hands it submissions, and gives back results
    dispatch   here: which worker grades what, and what happens when one is lost

Workers have the same autograder and the same libraries as here, or they refuse; and so they do where their machine
cannot keep a student's code in. They get the unit and submissions, and send back results and nothing else.
"""
