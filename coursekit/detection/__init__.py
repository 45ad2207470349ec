"""YOLO12 that starts from a self-supervised backbone. The only room that imports `ultralytics`.

Ultralytics is licensed AGPL-3.0, not MIT like this course: whoever ships or serves software that imports this room
must offer that software's source under the AGPL too, or buy Ultralytics' enterprise licence. No other room imports it.
"""
