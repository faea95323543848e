"""The dataset room: labels, decoding, the photo store and truthful augmentation."""
