"""The sets of files that are kept: model weights and engine builds, in a store that you own."""
