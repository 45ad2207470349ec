"""Ultralytics' detection trainer under a name of this room.

Ultralytics may start worker processes that import the trainer's class by name. Its name being here means that such a
process runs `ultralytics_setup` too, before anything is sent or downloaded.
"""

import coursekit.detection.ultralytics_setup  # noqa: F401, I001
from ultralytics.models.yolo.detect import DetectionTrainer


class CourseDetectionTrainer(DetectionTrainer):
    """DetectionTrainer as it is."""
