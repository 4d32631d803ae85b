"""The kernels that the engine calls."""

from skdigits._kernels.entry import entry_point

count_csr_tiles = entry_point("lists", "count_csr_tiles")
count_tiles = entry_point("lists", "count_tiles")
fill_csr_tiles = entry_point("lists", "fill_csr_tiles")
fill_tiles = entry_point("lists", "fill_tiles")

predict_rows = entry_point("forward", "predict_rows")
train_epoch = entry_point("epoch", "train_epoch")

input_gradients = entry_point("saliency", "input_gradients")
transpose_weights = entry_point("saliency", "transpose_weights")

deform_images = entry_point("images", "deform_images")
sum_quarters = entry_point("images", "sum_quarters")

centre_images = entry_point("preparation", "centre_images")
deskew_images = entry_point("preparation", "deskew_images")
normalize_images = entry_point("preparation", "normalize_images")
set_stroke_widths = entry_point("strokes", "set_stroke_widths")
