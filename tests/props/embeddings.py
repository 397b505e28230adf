"""What tests of `embeddings` hand in beside what is in common.py: library calls only."""


def global_seed(seed: int) -> None:
    """Set torch's global random state, and no other."""
    import torch

    torch.default_generator.manual_seed(seed)
