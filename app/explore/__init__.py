"""The Explore page: photos by what the model sees in them."""
