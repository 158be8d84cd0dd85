#!/bin/bash
# Runs one round on two accelerators, every stage waiting for the files of the one before, so that neither of them waits
# for a command: a better transformer and decoder, both scored, and a student of that transformer.
#
#     round.sh DATASET MODELS WORK VIPS
#
# MODELS is a checkpoint folder; it may be filled while the first stages run: they read vae/ and tokenizer/; the file
# MODELS/complete says that transformer/ and text_encoder/ are there too. The environment names what differs from run to
# run: MAIN and SIDE are the devices (one and the same is possible: everything is slower then), the seconds of each stage
# are below. Results and one log a stage lie in WORK; stage NAME ended well if NAME.done exists. Runs again after a
# failure with what is finished kept.
set -u
dataset=$1 models=$2 work=$3 vips=$4
main=${MAIN:-0} side=${SIDE:-1} options=${OPTIONS:-}
export CUDA_DEVICE_ORDER=PCI_BUS_ID
# After CONSISTENCY seconds the student is gone on with in two ways, each for BRANCH seconds: plain, and adversarial.
train=${TRAIN:-450} decode=${DECODE:-420} judge=${JUDGE:-100} consistency=${CONSISTENCY:-320} branch=${BRANCH:-190}
mkdir -p "$work/out" "$work/out-sprint"
cd "$(dirname "$0")"
export PYTHONUNBUFFERED=1 OMP_NUM_THREADS=4 TOKENIZERS_PARALLELISM=false

# stage NAME DEVICE MODULE ARGUMENTS…: leaves finished work alone; NAME.ended appears however it ends.
stage() {
  local name=$1 device=$2
  shift 2
  if [ ! -e "$work/$name.done" ]; then
    CUDA_VISIBLE_DEVICES=$device python3 -m "sana_training.$@" >>"$work/$name.log" 2>&1 && touch "$work/$name.done"
    echo "$(date +%T) $name ended" >>"$work/round.log"
  fi
  touch "$work/$name.ended"
}

until_there() {
  for path in "$@"; do
    while [ ! -e "$path" ]; do sleep 0.2; done
  done
}

distil() {
  local name=$1 device=$2
  shift 2
  stage "$name" "$device" sprint --work "$work" --models "$models" --teacher "$work/transformer" --name "$name" \
    --seconds $((consistency + branch)) --depthwise "${DEPTHWISE:-triton}" ${BATCH:+--batch $BATCH} \
    ${SPRINT_OPTIONS:-} $options "$@"
}

echo "$(date +%T) begin" >>"$work/round.log"
# What an earlier try ended is ended again when its stage is looked at.
rm -f "$work"/*.ended
# The devices are idle while drawings are rendered. Nothing is trained with a kernel that is wrong on them: the bench
# fails then, and so does the round.
stage attention "$side" attention_bench --output "$work/out" ${BENCH_OPTIONS:-} &
stage cache "$main" cache --dataset "$dataset" --work "$work" --models "$models" --scenes "${SCENES:-150000}" \
  --seconds "${CACHE:-95}" --processes "${PROCESSES:-13}" --when "$work/sprites.npy" $options &
stage sprites "$main" sprites --dataset "$dataset" --work "$work" --vips "$vips" --processes "${PROCESSES:-13}"
until_there "$models/complete" "$work/attention.ended"
if [ ! -e "$work/attention.done" ]; then
  echo "linear attention failed its check, see $work/attention.log" | tee -a "$work/round.log"
  touch "$work/round.ended"
  exit 1
fi
stored=diffusion_pytorch_model
[ -e "$models/transformer/$stored.int8.safetensors" ] ||
  ln -s "$stored.safetensors" "$models/transformer/$stored.int8.safetensors"
# The first transformer's kernels are compiled during the cache, the student's during the training.
stage transformer "$main" transformer --work "$work" --models "$models" --start "$models/transformer" \
  --seconds "$train" --depthwise "${DEPTHWISE:-triton}" --when "$work/cache.ended" ${BATCH:+--batch $BATCH} $options &
until_there "$work/cache.ended"
stage scenes "$main" judge --dataset "$dataset" --work "$work" --describe "${JUDGED:-300000}" \
  --processes "${PROCESSES:-10}" &
stage autoencoder "$side" autoencoder --dataset "$dataset" --work "$work" --models "$models" --seconds "$decode" \
  ${DECODER_BATCH:+--batch $DECODER_BATCH} $options &
distil consistency "$main" --until "$consistency" --when "$work/transformer.ended" &
until_there "$work/scenes.ended" "$work/autoencoder.ended"
stage judge "$side" judge --dataset "$dataset" --work "$work" --seconds "$judge" ${JUDGE_BATCH:+--batch $JUDGE_BATCH} \
  $options &
until_there "$work/transformer.ended"
decoder=()
[ -e "$work/decoder.safetensors" ] && decoder=(--decoder "$work/decoder.safetensors")
stage evaluate "$side" evaluate --dataset "$dataset" --work "$work" --models "$models" --before "$models/transformer" \
  --after "$work/transformer" "${decoder[@]}" --output "$work/out" --seconds "${EVALUATE:-190}" \
  --when "$work/judge.ended" ${EVALUATE_OPTIONS:-} $options &
# A branch prepares itself while the run before it is at work.
distil plain "$main" --begin consistency --when "$work/consistency.ended" &
distil adversarial "$side" --begin consistency --adversarial "${ADVERSARIAL:-0.5}" --when "$work/consistency.ended" &
until_there "$work/plain.ended" "$work/adversarial.ended"
students=()
for name in plain adversarial; do
  [ -e "$work/$name/config.json" ] && students+=(--student "$name=$work/$name")
done
stage evaluate_sprint "$main" evaluate_sprint --dataset "$dataset" --work "$work" --models "$models" \
  --teacher "$work/transformer" "${students[@]}" "${decoder[@]}" --output "$work/out-sprint" \
  --seconds "${EVALUATE_SPRINT:-160}" --when "$work/judge.ended" ${EVALUATE_OPTIONS:-} $options
wait
touch "$work/round.ended"
