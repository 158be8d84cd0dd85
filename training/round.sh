#!/bin/bash
# Runs one round on two accelerators, every stage waiting for the files of the one before, so that neither of them waits
# for a command: a better transformer, trained on both; then its student on the one, and scores, the comparison of
# captions chosen by score or evenly, and what carries over from English alone on the other.
#
#     round.sh DATASET MODELS WORK VIPS
#
# MODELS is a checkpoint folder; it may be filled while the first stages run: they read vae/ and tokenizer/; the file
# MODELS/complete says that everything else is there too. The environment names what differs from run to run: MAIN and
# SIDE are the devices (one and the same is possible: everything is slower then), the seconds of each stage are below, a
# stage with none is left out. ENGLISH is a transformer that has seen English only: without it nothing is said about what
# carries over. Results and one log a stage lie in WORK; stage NAME ended well if NAME.done exists. Runs again after a
# failure with what is finished kept.
set -u
dataset=$1 models=$2 work=$3 vips=$4
main=${MAIN:-0} side=${SIDE:-1} options=${OPTIONS:-}
export CUDA_DEVICE_ORDER=PCI_BUS_ID
train=${TRAIN:-500} decode=${DECODE:-0} judge=${JUDGE:-100} distil=${DISTIL:-560} english=${ENGLISH_SECONDS:-150}
both=$main
[ "$main" = "$side" ] || both=$main,$side
mkdir -p "$work/out" "$work/out-sprint" "$work/out-english" "$work/english"
cd "$(dirname "$0")"
export PYTHONUNBUFFERED=1 OMP_NUM_THREADS=4 TOKENIZERS_PARALLELISM=false

# stage NAME DEVICES MODULE ARGUMENTS…: leaves finished work alone; NAME.ended appears however it ends.
stage() {
  local name=$1 devices=$2 launch=(-m)
  shift 2
  [[ $devices == *,* ]] && launch=(-m torch.distributed.run --standalone --nproc-per-node=2 -m --)
  if [ ! -e "$work/$name.done" ]; then
    CUDA_VISIBLE_DEVICES=$devices python3 "${launch[@]}" "sana_training.$@" >>"$work/$name.log" 2>&1 &&
      touch "$work/$name.done"
    echo "$(date +%T) $name ended" >>"$work/round.log"
  fi
  touch "$work/$name.ended"
}

until_there() {
  for path in "$@"; do
    while [ ! -e "$path" ]; do sleep 0.2; done
  done
}

echo "$(date +%T) begin" >>"$work/round.log"
# What an earlier try ended is ended again when its stage is looked at.
rm -f "$work"/*.ended
# The devices are idle while drawings are rendered. Nothing is trained with a kernel that is wrong on them: the bench
# fails then, and so does the round.
stage attention "$side" attention_bench --output "$work/out" ${BENCH_OPTIONS:-} &
stage cache "$main" cache --dataset "$dataset" --work "$work" --models "$models" --scenes "${SCENES:-150000}" \
  --seconds "${CACHE:-95}" --processes "${PROCESSES:-13}" --when "$work/sprites.npy" $options &
stage sprites "$main" sprites --dataset "$dataset" --work "$work" --vips "$vips" --processes "${PROCESSES:-13}" &
until_there "$models/complete" "$work/attention.ended"
if [ ! -e "$work/attention.done" ]; then
  echo "linear attention failed its check, see $work/attention.log" | tee -a "$work/round.log"
  wait
  touch "$work/round.ended"
  exit 1
fi
stored=diffusion_pytorch_model
for folder in "$models/transformer" "$models/sprint/transformer"; do
  [ ! -e "$folder/$stored.safetensors" ] || [ -e "$folder/$stored.int8.safetensors" ] ||
    ln -s "$stored.safetensors" "$folder/$stored.int8.safetensors"
done
# All kernels are compiled during the cache.
stage transformer "$both" transformer --work "$work" --models "$models" --start "$models/transformer" \
  --seconds "$train" --depthwise "${DEPTHWISE:-triton}" --when "$work/cache.ended" ${BATCH:+--batch $BATCH} \
  ${TRAIN_OPTIONS:-} $options &
earlier=()
[ -e "$models/sprint/transformer/config.json" ] &&
  earlier=(--start "$models/sprint/transformer" --start-teacher "$models/transformer")
stage student "$main" sprint --work "$work" --models "$models" --teacher "$work/transformer" --name student \
  "${earlier[@]}" --seconds "$distil" --adversarial 0.5 --depthwise "${DEPTHWISE:-triton}" ${BATCH:+--batch $BATCH} \
  --cached "$work/cache.ended" --when "$work/transformer.ended" ${SPRINT_OPTIONS:-} $options &
until_there "$work/cache.ended"
stage scenes "$main" judge --dataset "$dataset" --work "$work" --describe "${JUDGED:-300000}" \
  --processes "${PROCESSES:-13}" &
until_there "$work/scenes.ended" "$work/transformer.ended"
decoder=()
if [ "$decode" -gt 0 ]; then
  stage autoencoder "$side" autoencoder --dataset "$dataset" --work "$work" --models "$models" --seconds "$decode" \
    ${DECODER_BATCH:+--batch $DECODER_BATCH} $options
  [ -e "$work/decoder.safetensors" ] && decoder=(--decoder "$work/decoder.safetensors")
fi
# Alone on its device: it learns by the clock.
stage judge "$side" judge --dataset "$dataset" --work "$work" --seconds "$judge" ${JUDGE_BATCH:+--batch $JUDGE_BATCH} \
  $options
# evaluate NAME SECONDS BEFORE AFTER OUTPUT
evaluate() {
  stage "$1" "$side" evaluate --dataset "$dataset" --work "$work" --models "$models" --before "$3" --after "$4" \
    "${decoder[@]}" --output "$5" --seconds "$2" --when "$work/judge.ended" ${EVALUATE_OPTIONS:-} $options
}
(
  evaluate evaluate "${EVALUATE:-190}" "$models/transformer" "$work/transformer" "$work/out"
  [ -n "${ENGLISH:-}" ] || exit 0
  stage captions "$side" caption_ablation --work "$work" --models "$models" --start "$ENGLISH" --output "$work/out-english" \
    --steps "${CAPTION_STEPS:-400}" --depthwise "${DEPTHWISE:-triton}" ${BATCH:+--batch $BATCH} $options
  ln -sfr "$work"/cache-*.pt "$work/english"
  stage english "$side" transformer --work "$work/english" --models "$models" --start "$ENGLISH" --languages en \
    --seconds "$english" --depthwise "${DEPTHWISE:-triton}" ${BATCH:+--batch $BATCH} $options
  evaluate zero_shot 0 "$ENGLISH" "$work/english/transformer" "$work/out-english"
) &
until_there "$work/student.ended"
stage evaluate_sprint "$main" evaluate_sprint --dataset "$dataset" --work "$work" --models "$models" \
  --teacher "$work/transformer" --student "student=$work/student" "${decoder[@]}" --output "$work/out-sprint" \
  --seconds "${EVALUATE_SPRINT:-160}" --when "$work/judge.ended" ${EVALUATE_OPTIONS:-} $options
wait
touch "$work/round.ended"
