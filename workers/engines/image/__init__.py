"""Pictures from words: Z-Image and FLUX.2 with diffusers' pipelines, and SkyReels-V2 with a film of one frame.

Z-Image: https://github.com/Tongyi-MAI/Z-Image. FLUX.2: https://github.com/black-forest-labs/flux2.
"""
