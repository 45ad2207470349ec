"""Datasets with boxes, in the layout of YOLO: road_objects, drawn or from COCO, and the check of any other."""
