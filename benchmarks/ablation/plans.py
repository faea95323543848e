"""The plans by name. A new piece is one line."""

from benchmarks.ablation.pieces import Piece, Plan

PLACES = ("place head",)

PIECES = (
    Piece("place head", "--model.place-anchors 128", "--model.place-anchors 0"),
    Piece(
        "anchors answer",
        "--model.position-head anchors",
        "--model.position-head regression",
        needs=PLACES,
    ),
    Piece(
        "bearings answer",
        "--model.heading-head bearings",
        "--model.heading-head vector",
        needs=PLACES,
    ),
    Piece(
        "regions from places",
        "--model.region-from-places 0.5",
        "--model.region-from-places 0",
        needs=PLACES,
    ),
    Piece("ema", "--ema-decay 0.99", "--ema-decay 0"),
    Piece("label smoothing", "--loss.label-smoothing 0.1", "--loss.label-smoothing 0"),
    Piece("crops", "--augment.crop-probability 1", "--augment.crop-probability 0"),
    Piece("own estimates", "--p-known 0.5", "--p-known 1"),
    Piece("no truth fed", "--p-known 0", full=False),
    Piece(
        "whitened gallery",
        "--gallery-dimensions 256 --gallery-whiten 0.5",
        "--gallery-dimensions none --gallery-whiten 0",
    ),
    Piece("test crops", "--tta.views 3", "--tta.views 1"),
    Piece(
        "mirror rule",
        "--augment.mirror-probability 0.5 --augment.mirror-rule reference",
        full=False,
    ),
    Piece("rotation rule", "--augment.rotation-rule add_angle", full=False),
    Piece(
        "slow rates",
        "--stage2.lr-backbone 0.0001 --stage2.lr-heads 0.001 --stage2.weight-decay 0.0001",
        full=False,
    ),
    Piece("large steps", "--least-steps 0", full=False),
)

BACKBONE = "--backbone mobilenetv2_100 --weights {weights} --patience 0 "

PLANS = {
    "demo": Plan(
        BACKBONE + "--input-size 64 --epochs 8 --stage1.epochs 5", PIECES, (("default", ""),)
    ),
    "real": Plan(
        BACKBONE,
        PIECES,
        (("default", ""), ("heads only", "--epochs 0 --stage1.epochs 60 --stage1.views 8")),
    ),
}
"""`{weights}` is the file given with --weights."""
