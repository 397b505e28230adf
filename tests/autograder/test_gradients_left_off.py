"""Code that switches gradients off for good switches them off for itself, and until its next test."""

import torch

from autograder.student.workbench import BenchConfig
from autograder.target.inprocess import InProcessTarget
from autograder.target.proxy import Student

CODE = """
import torch


def leave_off():
    torch.set_grad_enabled(False)


def are_on():
    return torch.is_grad_enabled()
"""


def test_a_solution_that_leaves_gradients_off_does_so_to_itself(tmp_path):
    (tmp_path / "topic.py").write_text(CODE)
    target = InProcessTarget(BenchConfig("topic", str(tmp_path), reveal=True, isolated=False))
    target.load()
    target.begin(1, 1.0)
    student = Student(target)
    student.leave_off()
    assert torch.is_grad_enabled(), "in the process of the tests they are on"
    assert not student.are_on(), "within a test they stay as the code left them"
    target.begin(2, 1.0)
    assert student.are_on(), "another test begins anew"
    assert torch.is_grad_enabled()
