"""k-NN, ours against scikit-learn's brute-force cosine KNeighborsClassifier: 10,000 queries, 20,000 training features
of 256 numbers, the same machine.

Both get the same float32 features and all cores (OMP_NUM_THREADS=2 gives both two), and let 20 neighbours vote with
equal weights. Rounds alternate, so that a noisy neighbour meets both; the ratio of each round is what counts. The
features are noise around ten centres that lie close together, so that equal answers say something.
"""

import math
import statistics
import time

import torch
from sklearn.neighbors import KNeighborsClassifier

from coursekit.evaluation import knn_predict

TRAIN, TEST, DIM, CLASSES, K, ROUNDS = 20_000, 10_000, 256, 10, 20, 7


def main() -> None:
    generator = torch.Generator().manual_seed(0)
    centers = 0.3 * torch.randn(CLASSES, DIM, generator=generator)
    train_y, test_y = (torch.randint(CLASSES, (n,), generator=generator) for n in (TRAIN, TEST))
    train_x, test_x = (centers[y] + torch.randn(len(y), DIM, generator=generator) for y in (train_y, test_y))

    def our_way() -> torch.Tensor:
        return knn_predict(train_x, train_y, test_x, K, temperature=math.inf)

    def their_way() -> torch.Tensor:
        model = KNeighborsClassifier(K, metric="cosine", algorithm="brute").fit(train_x.numpy(), train_y.numpy())
        return torch.from_numpy(model.predict(test_x.numpy()))

    same = (our_way() == their_way()).sum()  # and the caches are warm
    seconds = {our_way: [], their_way: []}
    for _ in range(ROUNDS):
        for way, took in seconds.items():
            clock = time.perf_counter()
            way()
            took.append(time.perf_counter() - clock)
    ours, theirs = seconds.values()
    ratios = sorted(b / a for a, b in zip(ours, theirs, strict=True))
    print(
        f"{TEST} queries, {TRAIN} training features, {DIM} numbers each, k = {K}, {torch.get_num_threads()} threads, "
        f"{ROUNDS} alternating rounds"
    )
    print(f"  coursekit.evaluation.knn  {statistics.median(ours):6.2f} s")
    print(f"  scikit-learn              {statistics.median(theirs):6.2f} s")
    print(f"  ratio                     {statistics.median(ratios):6.1f}  (from {ratios[0]:.1f} to {ratios[-1]:.1f})")
    print(f"  same class for            {same} of {TEST} queries")


if __name__ == "__main__":
    main()
