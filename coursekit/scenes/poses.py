"""How the people of drawn road scenes stand, walk and ride: joints in metres, from proportions and angles."""

from dataclasses import dataclass

import numpy as np

from coursekit.scenes import colors

UP = np.array([0, 0, 1.0])
LEFT = np.array([0, 1.0, 0])


@dataclass
class Pose:
    """Joints (3,) in the person's coordinates; pairs are (left, right). `height` is the standing height."""

    height: float
    hip: np.ndarray
    neck: np.ndarray
    head: np.ndarray  # the centre of the skull
    head_ahead: np.ndarray
    shoulders: tuple
    elbows: tuple
    wrists: tuple
    hips: tuple
    knees: tuple
    ankles: tuple
    toes: tuple
    head_height: float
    held: str = ""  # what the right hand's pose is for


def bend(
    a: np.ndarray, b: np.ndarray, upper: float, lower: float, towards: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The joint between `a` and `b` of a limb with two bones, bent `towards`; and `b`, moved where it is out of
    reach."""
    span = b - a
    length = np.linalg.norm(span)
    reach = min(max(length, abs(upper - lower) + 0.02), 0.995 * (upper + lower))
    along = span / max(length, 1e-6)
    b = a + along * reach
    x = (upper**2 - lower**2 + reach**2) / (2 * reach)
    out = towards - along * (towards @ along)
    out = out / max(np.linalg.norm(out), 1e-6)
    return a + along * x + out * np.sqrt(max(upper**2 - x**2, 0)), b


def pose(subtype: str, height: float, rng: np.random.Generator, contacts=None) -> Pose:
    """A pose for "walking", "standing", "child" or "riding" (which needs a bicycle's contacts); the feet stand on z =
    0."""
    child = subtype == "child"
    leg = height * (0.225 if child else 0.245)  # thigh; the shin is as long
    torso = height * (0.31 if child else 0.295)
    arm, forearm = height * (0.150 if child else 0.172), height * (0.145 if child else 0.16)
    skull = height * (0.185 if child else rng.uniform(0.128, 0.142))
    wide = height * (0.092 if child else rng.uniform(0.092, 0.112))
    apart = height * rng.uniform(0.045, 0.055)
    foot = height * 0.04
    moving = subtype == "walking" or (child and rng.random() < 0.5)
    lean = contacts.lean if contacts else rng.normal(0.03 + 0.05 * moving, 0.03)
    hip = np.array([0, 0, 2 * leg * 0.99 + foot])
    if contacts is not None:
        hip = contacts.saddle + UP * height * 0.045
        for _ in range(8):  # sit up or bow until the hands reach the bar
            neck = hip + torso * np.array([np.sin(lean), 0, np.cos(lean)])
            gap = np.linalg.norm(contacts.grips[0] - neck - LEFT * wide)
            if gap < 0.93 * (arm + forearm):
                break
            lean += 0.08
    spine = np.array([np.sin(lean), rng.normal(0, 0.02) * (contacts is None), np.cos(lean)])
    neck = hip + torso * spine
    twist = rng.normal(0, 0.06)
    across = np.array([-np.sin(twist), np.cos(twist), 0])
    hips = tuple(hip + s * apart * LEFT for s in (1, -1))
    shoulders = tuple(neck + s * wide * across - UP * height * 0.040 for s in (1, -1))
    knees, ankles, toes = [], [], []
    stride, phase = rng.uniform(0.3, 0.62), rng.random() * 2 * np.pi
    running = moving and rng.random() < 0.2
    if running:
        stride *= 1.4
    for k, s in enumerate((1, -1)):
        if contacts is not None:
            goal = contacts.pedals[k] + np.array([-0.06, 0, 0.09])
            knee, ankle = bend(hips[k], goal, leg, leg, np.array([1.0, s * 0.12, 0.4]))
            toe = ankle + np.array([0.13, 0, -0.05]) * height / 1.7
        else:
            swing = s * stride * np.sin(phase) if moving else rng.normal(0, 0.06)
            flex = (
                (0.12 + max(0, -np.sin(phase) * s) * 0.5 * (1 + 1.2 * running) * (np.cos(phase) * s > -0.5))
                if moving
                else rng.uniform(0, 0.08)
            )
            splay = s * rng.uniform(0.0, 0.03 if moving else 0.11)
            thigh = np.array([np.sin(swing), splay, -np.cos(swing)])
            shin = np.array([np.sin(swing - flex), splay, -np.cos(swing - flex)])
            knee = hips[k] + leg * thigh
            ankle = knee + leg * shin
            pitch = -(swing - flex) * 0.7 if swing < 0 else 0.1
            toe = ankle + height * 0.1 * np.array([np.cos(pitch), s * 0.25, -0.02 - np.sin(pitch) * 0.8])
        knees.append(knee), ankles.append(ankle), toes.append(toe)
    elbows, wrists, held = arms(shoulders, arm, forearm, stride, phase, moving, running, contacts, rng, height)
    joints = Pose(
        height,
        hip,
        neck,
        neck,
        np.array([1.0, 0, 0]),
        shoulders,
        elbows,
        wrists,
        hips,
        knees,
        ankles,
        toes,
        skull,
        held,
    )
    if contacts is None:  # the lower foot carries
        drop = np.array([0, 0, min(min(a[2] - foot, t[2] - foot * 0.4) for a, t in zip(ankles, toes, strict=True))])
        for name in ("hip", "neck"):
            setattr(joints, name, getattr(joints, name) - drop)
        for name in ("shoulders", "elbows", "wrists", "hips", "knees", "ankles", "toes"):
            setattr(joints, name, tuple(p - drop for p in getattr(joints, name)))
    look, nod = rng.normal(0, 0.35), rng.normal(0.05, 0.12)
    joints.head_ahead = np.array([np.cos(look) * np.cos(nod), np.sin(look) * np.cos(nod), -np.sin(nod)])
    joints.head = joints.neck + (UP * 0.95 + spine * 0.3 * (contacts is not None) + np.array([0.14, 0, 0])) * (
        skull * 0.5 + height * 0.035
    )
    return joints


def arms(shoulders, arm, forearm, stride, phase, moving, running, contacts, rng, height) -> tuple:
    """Elbows, wrists and the name of a gesture."""
    elbows, wrists, held = [], [], ""
    gesture = colors.pick(
        rng, ("hang", "hip", "phone", "wave", "pocket", "fold", "carry"), (0.38, 0.1, 0.14, 0.06, 0.12, 0.1, 0.1)
    )
    for k, s in enumerate((1, -1)):
        if contacts is not None:
            elbow, wrist = bend(shoulders[k], contacts.grips[k], arm, forearm, np.array([-0.3, s * 0.7, -0.6]))
        elif moving:
            swing, flex = -s * stride * np.sin(phase) * 0.8, 1.5 if running else rng.uniform(0.15, 0.5)
            out = s * 0.12
            elbow = shoulders[k] + arm * np.array([np.sin(swing), out, -np.cos(swing)])
            wrist = elbow + forearm * np.array(
                [np.sin(swing + flex), out * (0.2 if not running else -0.8), -np.cos(swing + flex)]
            )
            if gesture == "phone" and k:
                elbow, wrist = bend(
                    shoulders[k],
                    shoulders[k] + height * np.array([0.14, 0.05, -0.08]),
                    arm,
                    forearm,
                    np.array([0, s, -1]),
                )
                held = "phone"
            elif gesture == "carry" and k:
                held = "carry"
        else:
            goal = {
                "hang": (0.02, s * 0.06, -0.31),
                "hip": (0.03, s * 0.0, -0.235),
                "phone": (0.15, 0.05, -0.08),
                "wave": (0.04, s * 0.14, 0.2),
                "pocket": (0.04, -s * 0.01, -0.27),
                "fold": (0.09, -s * 0.12, -0.12),
                "carry": (0.01, s * 0.06, -0.32),
            }
            mine = gesture if k or gesture in ("hip", "pocket", "fold") else "hang"
            out = {"hip": (-0.2, s, 0), "wave": (0, s, -0.3), "fold": (0, s, -1)}.get(mine, (-0.6, s * 0.5, -0.2))
            elbow, wrist = bend(
                shoulders[k], shoulders[k] + height * np.array(goal[mine]), arm, forearm, np.array(out, float)
            )
            held = mine if mine in ("phone", "carry") and k else held
        elbows.append(elbow), wrists.append(wrist)
    return tuple(elbows), tuple(wrists), held
