#!/usr/bin/env bash
# Do the notebooks run where packages are those of Colab, and are those left alone? By hand: about 2 GB are downloaded.
#     bash tests/colab.sh [python3.12 or python3.13] [folder for the environment]
# Runs `retrain` by papermill, as it stands, and `smallbatch.diagnose`; compares `pip freeze` before and after.
set -euo pipefail
python=${1:-python3.12}
place=${2:-$(mktemp -d)}
root=$(cd "$(dirname "$0")/.." && pwd)
"$python" -m venv "$place/venv"
pip=("$place/venv/bin/python" -m pip --disable-pip-version-check)
# Colab's of August 2026 where they were looked up, and others of that time.
"${pip[@]}" install -q --only-binary :all: tensorflow==2.20.0 keras==3.13.2 jax==0.7.2 jaxlib==0.7.2 protobuf==5.29.6 \
  "numpy>=2,<2.3" "pandas>=2.2,<3" "scipy<1.17" "matplotlib<3.11" "scikit-learn<1.8" "pillow<12" "pydantic<3" pyyaml seaborn \
  ipykernel packaging psutil setuptools wheel
# Papermill stands for the person who opens the notebook; Colab does not have it.
"${pip[@]}" install -q papermill
"${pip[@]}" freeze | sort > "$place/before.txt"

mkdir -p "$place/work"
cd "$place/work"
unset PYTHONPATH
export SMALLBATCH_SOURCE=$root SMALLBATCH_CACHE=$place/cache
"$place/venv/bin/papermill" "$root/notebooks/retrain.ipynb" out.ipynb --no-progress-bar -k python3 \
  -p n_train 40 -p batch_size 20 -p width 0.125 -p depth 0.1 -p epochs 2
ls results/my-runs/runs/*/record.json
"$place/venv/bin/python" - <<'PYTHON'
import keras
import numpy as np
import smallbatch

generator = np.random.default_rng(0)
images, labels = generator.normal(size=(60, 8, 8, 3)).astype("float32"), generator.integers(0, 2, 60)
model = keras.Sequential([
    keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3), keras.layers.BatchNormalization(),
    keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2),
])
print(smallbatch.diagnose(model, (images[:40], labels[:40]), (images[40:], labels[40:])))
PYTHON

"${pip[@]}" freeze | sort > "$place/after.txt"
echo "added:"
comm -13 "$place/before.txt" "$place/after.txt"
changed=$(comm -23 "$place/before.txt" "$place/after.txt")
[ -z "$changed" ] || { echo "changed or removed: $changed"; exit 1; }
echo "no package was changed"
