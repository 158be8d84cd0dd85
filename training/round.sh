#!/bin/bash
# One round of training on one accelerator, every stage waiting for the files of the one before, so that what needs no
# accelerator (drawing up scenes, compiling, loading) happens while it is busy with something else.
#
#     round.sh DATASET MODELS WORK VIPS TRAIN_SECONDS DECODER_SECONDS JUDGE_SECONDS EVALUATE_SECONDS
#
# MODELS may be filled while the first stages run: they read vae/ and tokenizer/; the file MODELS/complete says that
# transformer/, text_encoder/ and the decoder are there too. Results and one log a stage lie in WORK; stage NAME ended
# well if NAME.done exists. Runs again after a failure with what is finished kept.
set -u
dataset=$1 models=$2 work=$3 vips=$4 train=$5 decode=$6 judge=$7 evaluate=$8
scenes=${SCENES:-150000} judged=${JUDGED:-300000} options=${OPTIONS:-}
mkdir -p "$work/out"
cd "$(dirname "$0")"
export PYTHONUNBUFFERED=1 OMP_NUM_THREADS=4 TOKENIZERS_PARALLELISM=false

stage() {
  local name=$1
  shift
  if [ -e "$work/$name.done" ]; then
    touch "$work/$name.ended"
    return
  fi
  python3 -m "sana_training.$@" >>"$work/$name.log" 2>&1 && touch "$work/$name.done"
  echo "$(date +%T) $name ended" >>"$work/round.log"
  touch "$work/$name.ended"
}

until_there() {
  while [ ! -e "$1" ]; do sleep 0.2; done
}

# At most so many seconds, less if the file appears.
pause() {
  local left=$1
  while [ "$left" -gt 0 ] && [ ! -e "$2" ]; do
    sleep 1
    left=$((left - 1))
  done
}

echo "$(date +%T) begin" >>"$work/round.log"
# What an earlier try ended is ended again when its stage is looked at.
rm -f "$work"/*.ended
# The device is idle while drawings are rendered. Nothing is trained with a kernel that is wrong on it: the bench fails
# then, and so does the round.
stage attention attention_bench --output "$work/out" ${BENCH_OPTIONS:-} &
stage cache cache --dataset "$dataset" --work "$work" --models "$models" --scenes "$scenes" --seconds "${CACHE:-95}" \
  --processes "${PROCESSES:-13}" --when "$work/sprites.npy" $options &
stage sprites sprites --dataset "$dataset" --work "$work" --vips "$vips" --processes "${PROCESSES:-13}"
until_there "$models/complete"
until_there "$work/attention.ended"
if [ ! -e "$work/attention.done" ]; then
  echo "linear attention failed its check, see $work/attention.log" | tee -a "$work/round.log"
  touch "$work/round.ended"
  exit 1
fi
stage transformer transformer --work "$work" --models "$models" --start "$models/transformer" --seconds "$train" \
  --depthwise "${DEPTHWISE:-triton}" --when "$work/cache.ended" ${BATCH:+--batch $BATCH} $options &
until_there "$work/cache.ended"
stage scenes judge --dataset "$dataset" --work "$work" --describe "$judged" --processes "${PROCESSES:-10}" &
# The decoder's blocks are compiled beside the training; as one graph it took more than two minutes.
pause $((train - 240)) "$work/transformer.ended"
stage autoencoder autoencoder --dataset "$dataset" --work "$work" --models "$models" --seconds "$decode" \
  --when "$work/transformer.ended" ${DECODER_BATCH:+--batch $DECODER_BATCH} $options &
until_there "$work/transformer.ended"
until_there "$work/scenes.ended"
pause $((decode - 35)) "$work/autoencoder.ended"
stage judge judge --dataset "$dataset" --work "$work" --seconds "$judge" --when "$work/autoencoder.ended" \
  ${JUDGE_BATCH:+--batch $JUDGE_BATCH} $options &
until_there "$work/autoencoder.ended"
decoder=()
[ -e "$work/decoder.safetensors" ] && decoder=(--decoder "$work/decoder.safetensors")
stage evaluate evaluate --dataset "$dataset" --work "$work" --models "$models" --before "$models/transformer" \
  --after "$work/transformer" "${decoder[@]}" --output "$work/out" --seconds "$evaluate" --when "$work/judge.ended" \
  ${EVALUATE_OPTIONS:-} $options
wait
touch "$work/round.ended"
