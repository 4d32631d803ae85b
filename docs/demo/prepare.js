// The preparation of skdigits.preprocessing.DigitCenterer, step for step: the ink is cut out, scaled so that its longer
// side is 20 pixels, each new pixel the mean over the area that it covers, and moved by whole pixels until its centre
// of mass is at pixel (14, 14) of a field of 28 x 28. tests/docs/test_demo.py compares the two.
"use strict";

const BOX_SIDE = 20;
const FIELD_SIDE = 28;
// Not 0.5, so that rounding errors do not decide where symmetric images go.
const ROUNDING = 0.5 - 1e-9;

/** The smallest rectangle that holds all pixels above 0, or null where there is none. */
function findInk(image, height, width) {
  let [top, bottom, left, right] = [height, -1, width, -1];
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      if (image[row * width + column] > 0) {
        [top, bottom] = [Math.min(top, row), row];
        [left, right] = [Math.min(left, column), Math.max(right, column)];
      }
    }
  }
  return bottom < 0 ? null : { top, left, height: bottom - top + 1, width: right - left + 1 };
}

/** Shares of the old pixels in each of `n` new ones along a side of `length`: lists of [old pixel, share]. */
function findShares(length, n) {
  return Array.from({ length: n }, (_, k) => {
    // In units of 1 / n of a pixel all of this is whole numbers.
    const [start, end] = [k * length, (k + 1) * length];
    const shares = [];
    for (let p = Math.floor(start / n); p <= Math.floor((end - 1) / n); p++) {
      shares.push([p, (Math.min(end, (p + 1) * n) - Math.max(start, p * n)) / length]);
    }
    return shares;
  });
}

/** A rectangle of an image, scaled to `nRows` x `nColumns`. */
function shrinkInk(image, width, box, nRows, nColumns) {
  const small = new Float64Array(nRows * nColumns);
  const sums = new Float64Array(box.width);
  const columnShares = findShares(box.width, nColumns);
  findShares(box.height, nRows).forEach((rowShares, row) => {
    sums.fill(0);
    for (const [r, share] of rowShares) {
      const first = (box.top + r) * width + box.left;
      for (let c = 0; c < box.width; c++) sums[c] += share * Math.max(image[first + c], 0);
    }
    columnShares.forEach((shares, column) => {
      for (const [c, share] of shares) small[row * nColumns + column] += share * sums[c];
    });
  });
  return small;
}

/** Row and column of the centre of mass. */
function findCentre(image, height, width) {
  let [total, rowSum, columnSum] = [0, 0, 0];
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const ink = image[row * width + column];
      total += ink;
      rowSum += ink * row;
      columnSum += ink * column;
    }
  }
  return [rowSum / total, columnSum / total];
}

/** First row or column of `length` ones with their centre of mass in the middle of the field, none of them outside. */
function findStart(centre, length) {
  const start = Math.floor(FIELD_SIDE / 2 - centre + ROUNDING);
  return Math.min(Math.max(start, 0), FIELD_SIDE - length);
}

/**
 * A digit of any size and place, as MNIST has them.
 *
 * @param {ArrayLike<number>} image `height * width` pixels, row by row; light strokes on a ground of 0.
 * @param {number} height
 * @param {number} width
 * @returns {Float32Array} 28 * 28 pixels, all 0 where the image has no ink.
 */
globalThis.centreDigit = function centreDigit(image, height, width) {
  const out = new Float32Array(FIELD_SIDE * FIELD_SIDE);
  const box = findInk(image, height, width);
  if (box === null) return out;
  const longest = Math.max(box.height, box.width);
  const scale = (length) => Math.max(Math.floor((2 * length * BOX_SIDE + longest) / (2 * longest)), 1);
  const [nRows, nColumns] = [scale(box.height), scale(box.width)];
  const small = shrinkInk(image, width, box, nRows, nColumns);
  const [rowCentre, columnCentre] = findCentre(small, nRows, nColumns);
  const [top, left] = [findStart(rowCentre, nRows), findStart(columnCentre, nColumns)];
  for (let row = 0; row < nRows; row++) {
    for (let column = 0; column < nColumns; column++) {
      out[(top + row) * FIELD_SIDE + left + column] = small[row * nColumns + column];
    }
  }
  return out;
};
