"""`autograder verify`: the hidden tests are instruments, and this measures them.

`cases` says what is graded and what must come of it, `proof` grades it, `mutants` changes the solutions, `survivors`
knows which changes nobody need notice, `matrix` shows which test catches what, `changed` what was proved before.
"""

from autograder.verify import changed
from autograder.verify.cases import Case, cases, mutant_cases
from autograder.verify.command import Asked, verify
from autograder.verify.proof import Proof, Verdict, prove

__all__ = ["Asked", "Case", "Proof", "Verdict", "cases", "changed", "mutant_cases", "prove", "verify"]
