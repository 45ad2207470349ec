"""Pixels in: images and labels as uint8 tensors (`images`), and the road_objects dataset (`road_objects`)."""
