"""
Where the zeros of a digit are
==============================

Four fifths of the pixels of MNIST are black. This program counts what can be left out of a product with them, pixel
by pixel and in square tiles. :doc:`/explanation/kernels` tells how the kernels use it.
"""

# %%
# Ink and tiles
# -------------
# A *tile* is a square of four pixels. It is left out of a sample's products where all four are black.

import matplotlib.pyplot as plt

from skdigits.datasets import fetch_mnist

X, y = fetch_mnist(subset="train", return_X_y=True)
is_ink = X > 0


def has_ink(height, width):
    """Whether each tile of so many pixels has any ink, an image for each sample."""
    return is_ink.reshape(len(X), 28 // height, height, 28 // width, width).any(axis=(2, 4))


def enlarged(tiles):
    """The tiles of an image as its pixels."""
    return tiles.repeat(2, axis=0).repeat(2, axis=1)


figure, axes = plt.subplots(1, 3, figsize=(10, 3.4), layout="constrained")
axes[0].imshow(X[0].reshape(28, 28), cmap="gray")
axes[0].set_title(f"a digit: {is_ink[0].mean():.0%} of its pixels are ink")
squares = has_ink(2, 2)
axes[1].imshow(enlarged(squares[0]) * 0.3 + is_ink[0].reshape(28, 28), cmap="gray")
axes[1].set_title(f"its tiles of four: {squares[0].mean():.0%} are met")
picture = axes[2].imshow(enlarged(squares.mean(axis=0)), vmin=0, vmax=1)
axes[2].set_title("share of all digits that meet a tile")
figure.colorbar(picture, ax=axes[2])
for ax in axes:
    ax.set_axis_off()

# %%
# The size of a tile
# ------------------
# Larger tiles mean fewer lists and more use of each vector that is loaded, but more zeros that are multiplied. Strokes
# are wider than a pixel: squares leave out more than rows of as many pixels.

shapes = [(1, 1), (1, 2), (1, 4), (2, 2), (2, 4), (4, 4)]
names = [f"{height} x {width}" for height, width in shapes]
shares = [has_ink(*shape).mean() for shape in shapes]

figure, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
bars = ax.bar(names, shares)
ax.bar_label(bars, [f"{share:.0%}" for share in shares])
ax.axhline(1, color="grey", linestyle=":", label="dense product")
ax.set(xlabel="pixels of a tile", ylabel="multiplications of the first layer", ylim=(0, 1.1))
ax.legend(loc="center left")

for name, share, (height, width) in zip(names, shares, shapes, strict=True):
    print(f"tiles of {name}: {share:.1%} of the multiplications, {784 // (height * width)} lists")
