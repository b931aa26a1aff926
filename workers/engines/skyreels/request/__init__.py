"""What is asked of SkyReels-V2: no module here imports torch."""
