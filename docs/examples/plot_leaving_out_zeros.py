"""
Where the zeros of a digit are
==============================

Four fifths of the pixels of MNIST are black. This program counts what can be left out of a product with them, pixel
by pixel and in tiles of neighbours. :doc:`/explanation/kernels` tells how the kernels use it.
"""

# %%
# Ink and tiles
# -------------
# A *tile* is four neighbouring pixels of a row. It is left out of a sample's products where all four are black.

import matplotlib.pyplot as plt
import numpy as np

from skdigits.datasets import fetch_mnist

X, y = fetch_mnist(subset="train", return_X_y=True)
is_ink = X > 0


def has_ink(size):
    """Whether a tile of `size` neighbouring pixels has any ink, for each sample and tile."""
    return is_ink.reshape(len(X), -1, size).any(axis=2)


figure, axes = plt.subplots(1, 3, figsize=(10, 3.4), layout="constrained")
axes[0].imshow(X[0].reshape(28, 28), cmap="gray")
axes[0].set_title(f"a digit: {is_ink[0].mean():.0%} of its pixels are ink")
axes[1].imshow(np.repeat(has_ink(4)[0], 4).reshape(28, 28) * 0.3 + is_ink[0].reshape(28, 28), cmap="gray")
axes[1].set_title(f"its tiles of four: {has_ink(4)[0].mean():.0%} are met")
picture = axes[2].imshow(np.repeat(has_ink(4).mean(axis=0), 4).reshape(28, 28), vmin=0, vmax=1)
axes[2].set_title("share of all digits that meet a tile")
figure.colorbar(picture, ax=axes[2])
for ax in axes:
    ax.set_axis_off()

# %%
# The size of a tile
# ------------------
# Larger tiles mean fewer lists and more use of each vector that is loaded, but more zeros that are multiplied.

sizes = [1, 2, 4, 7, 14, 28]
shares = [has_ink(size).mean() for size in sizes]

figure, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
bars = ax.bar([str(size) for size in sizes], shares)
ax.bar_label(bars, [f"{share:.0%}" for share in shares])
ax.axhline(1, color="grey", linestyle=":", label="dense product")
ax.set(xlabel="pixels of a tile", ylabel="multiplications of the first layer", ylim=(0, 1.1))
ax.legend(loc="center left")

for size, share in zip(sizes, shares, strict=True):
    print(f"tiles of {size:2}: {share:.1%} of the multiplications, {784 // size} lists")
