#!/usr/bin/env bash
# Makes the folders of stored/ with the code of an earlier version: make.sh CHECKOUT PYTHON OUT
# CHECKOUT is a working tree of commit 08991fb, OUT an absolute path without spaces.
set -euo pipefail
checkout=$1 python=$2 out=$3
here=$(cd "$(dirname "$0")" && pwd)
export PYTHONPATH=$checkout OMP_NUM_THREADS=1 PYTHONWARNINGS=ignore
mkdir -p "$out/runs" && cd "$out"

core() { "$python" -m core "$@"; }

# Interrupts a command once a file has as many lines as said.
interrupted() {
  local file=$1 lines=$2; shift 2
  "$python" -m core "$@" & local pid=$!
  until [ "$(cat "$file" 2>/dev/null | wc -l)" -ge "$lines" ]; do sleep 0.02; done
  kill -INT $pid; wait $pid || true
}

"$python" - <<'CODE'
from pathlib import Path
from tests import conftest
conftest.PHOTO_PIXELS = 48
conftest._make_campus(Path("campus"), regions=4, spots=8, headings=(20.0, 110.0, 200.0, 290.0))
CODE

# A network of some thousand weights, so that the files are small.
arguments='{"layers":[1,1,1,1],"channels":[4,4,4,8],"stem_type":"deep","stem_width":2}'
model="--backbone resnet18 --weights random --model.backbone-arguments $arguments --input-size 32 --model.place-anchors 0
 --model.region-hidden 4 --model.position-hidden 4 --model.heading-hidden 4 --model.region-embedding 2 --batch-size 32 --threads 1
 --workers 0 --device cpu --patience 0 --ema-decay 0 --tta.views 1 --gallery-points 4"
# shellcheck disable=SC2086
{
core train campus --run runs/finished $model --epochs 2
core train campus --run runs/second $model --epochs 2 --seed 1
interrupted runs/interrupted/events.jsonl 2 train campus --run runs/interrupted $model --epochs 6
core calibrate runs/finished
core evaluate runs/finished --no-plots
core ensemble runs/finished runs/second --out ensembles/two
core crossval campus --out runs/crossval $model --folds 2 --epochs 1 --no-plots
interrupted runs/crossval-interrupted/fold-1/events.jsonl 1 crossval campus --out runs/crossval-interrupted $model \
    --folds 2 --epochs 4 --no-plots
core tune campus --study studies/finished --base runs/finished/config.json --epochs 1 --trials 2 --sampler random --pruner none \
    --vary "stage2.lr_heads=1e-4..1e-2 log"
interrupted studies/interrupted/trials/0001/events.jsonl 1 tune campus --study studies/interrupted \
    --base runs/finished/config.json --epochs 4 --trials 2 --sampler random --pruner none --vary "stage2.lr_heads=1e-4..1e-2 log"
}
# What is made anew, and what nobody reads.
rm -rf campus/.bearings; find . -name tensorboard -prune -exec rm -rf {} +; find . -name .lock -delete
grep -rlI "$out" . | xargs -r sed -i "s#$out#@HERE@#g"
tar --sort=name --owner=0 --group=0 --numeric-owner -cJf "$here/stored.tar.xz" ./*
