"""The dataset room: labels, splits, decoding, the photo store and truthful augmentation."""
