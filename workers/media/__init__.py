"""Reading and writing films and pictures with PyAV and Pillow."""
