"""Pixels in: images and labels as uint8 tensors (`images`); datasets with boxes are in the room `yolo`."""
