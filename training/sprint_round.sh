#!/bin/bash
# Distils the transformer on one accelerator and evaluates the results, every stage waiting for the files of the one
# before, as round.sh does.
#
#     sprint_round.sh DATASET MODELS WORK VIPS CONSISTENCY_SECONDS BRANCH_SECONDS JUDGE_SECONDS EVALUATE_SECONDS
#
# MODELS may be filled while the first stages run: they read vae/ and tokenizer/; the file MODELS/complete says that
# transformer/ (its weights under the name that stage transformer writes, or as they are shipped), text_encoder/ and the
# decoder are there too. After CONSISTENCY_SECONDS the run is gone on with in two ways, each for BRANCH_SECONDS: plain,
# and with the adversarial loss. Results and one log a stage lie in WORK; stage NAME ended well if NAME.done exists. Runs
# again after a failure, or after having been killed, with what is finished kept.
set -u
dataset=$1 models=$2 work=$3 vips=$4 consistency=$5 branch=$6 judge=$7 evaluate=$8
scenes=${SCENES:-70000} judged=${JUDGED:-200000} options=${OPTIONS:-}
mkdir -p "$work/out"
cd "$(dirname "$0")"
export PYTHONUNBUFFERED=1 OMP_NUM_THREADS=4 TOKENIZERS_PARALLELISM=false
rm -f "$work"/*.ended

stage() {
  local name=$1
  shift
  if [ ! -e "$work/$name.done" ]; then
    python3 -m "sana_training.$@" >>"$work/$name.log" 2>&1 && touch "$work/$name.done"
    echo "$(date +%T) $name ended" >>"$work/round.log"
  fi
  touch "$work/$name.ended"
}

until_there() {
  while [ ! -e "$1" ]; do sleep 0.2; done
}

distil() {
  local name=$1
  shift
  stage "$name" sprint --work "$work" --models "$models" --teacher "$models/transformer" --name "$name" \
    --seconds $((consistency + branch)) --depthwise "${DEPTHWISE:-triton}" ${BATCH:+--batch $BATCH} \
    ${SPRINT_OPTIONS:-} $options "$@"
}

echo "$(date +%T) begin" >>"$work/round.log"
# As in round.sh: nothing is trained with a kernel that is wrong on this device.
stage attention attention_bench --output "$work/out" ${BENCH_OPTIONS:-} &
stage cache cache --dataset "$dataset" --work "$work" --models "$models" --scenes "$scenes" --seconds "${CACHE:-80}" \
  --processes "${PROCESSES:-13}" --when "$work/sprites.npy" $options &
stage sprites sprites --dataset "$dataset" --work "$work" --vips "$vips" --processes "${PROCESSES:-13}"
until_there "$models/complete"
until_there "$work/attention.ended"
if [ ! -e "$work/attention.done" ]; then
  echo "linear attention failed its check, see $work/attention.log" | tee -a "$work/round.log"
  touch "$work/round.ended"
  exit 1
fi
stored=diffusion_pytorch_model
[ -e "$models/transformer/$stored.int8.safetensors" ] ||
  ln -s "$stored.safetensors" "$models/transformer/$stored.int8.safetensors"
distil consistency --until "$consistency" --when "$work/cache.ended" &
until_there "$work/cache.ended"
stage scenes judge --dataset "$dataset" --work "$work" --describe "$judged" --processes "${PROCESSES:-10}" &
# A branch prepares itself, except for its turn, while the run before it is at work.
distil plain --begin consistency --when "$work/consistency.ended" &
distil adversarial --begin consistency --adversarial "${ADVERSARIAL:-0.5}" --when "$work/plain.ended" &
until_there "$work/adversarial.ended"
until_there "$work/scenes.ended"
stage judge judge --dataset "$dataset" --work "$work" --seconds "$judge" ${JUDGE_BATCH:+--batch $JUDGE_BATCH} $options &
students=()
for name in plain adversarial; do
  [ -e "$work/$name/config.json" ] && students+=(--student "$name=$work/$name")
done
stage evaluate_sprint evaluate_sprint --dataset "$dataset" --work "$work" --models "$models" \
  --teacher "$models/transformer" "${students[@]}" --output "$work/out" --seconds "$evaluate" \
  --when "$work/judge.ended" ${EVALUATE_OPTIONS:-} $options
wait
touch "$work/round.ended"
