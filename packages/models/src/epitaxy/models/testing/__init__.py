"""What tests of networks need: the laws they obey, and the plain form of what is written fast."""

from epitaxy.models.testing.edge_list import EdgeListCSPNet

__all__ = ["EdgeListCSPNet"]
