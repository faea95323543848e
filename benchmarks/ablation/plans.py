"""The plans by name. A new piece is one line."""

from benchmarks.ablation.pieces import Piece, Plan

PIECES = (
    Piece("place head", "--model.place-anchors 128", "--model.place-anchors 0"),
    Piece("ema", "--ema-decay 0.99", "--ema-decay 0"),
    Piece("label smoothing", "--loss.label-smoothing 0.1", "--loss.label-smoothing 0"),
    Piece("huber", "--loss.position-loss huber", "--loss.position-loss mse"),
    Piece("crops", "--augment.crop-probability 1", "--augment.crop-probability 0"),
    Piece("own metadata", "--p-known 0", "--p-known 1"),
    Piece("half known", "--p-known 0.5", "--p-known 1", full=False),
    Piece(
        "mirror",
        "--augment.mirror-probability 0.5 --augment.mirror-rule reference",
        full=False,
    ),
    Piece("rotation rule", "--augment.rotation-rule add_angle", full=False),
    Piece("erasing", "--augment.erasing-probability 0.2", "--augment.erasing-probability 0"),
)

BACKBONE = "--backbone mobilenetv2_100 --weights {weights} --patience 0 "

PLANS = {
    "demo": Plan(BACKBONE + "--input-size 64 --epochs 15 --stage1.epochs 10", PIECES),
    "real": Plan(
        BACKBONE + "--input-size 128 --epochs 12 --stage1.epochs 10",
        PIECES,
        (("heads only", "--epochs 0 --stage1.epochs 60 --stage1.views 8"),),
    ),
}
"""`{weights}` is the file given with --weights."""
