#!/bin/bash
# Scenarios of CometBFT's own tests and of its rules (tests/consensus/*.yaml): behind each step stands
# what the validator must do, `#=> outputs`, and sometimes a part of its state, `| locked 0 B`.  The
# expectations are written down from what those tests assert, not from a run.  A file with a line
# `# dialects: legacy arxiv` is run with both lock rules.
set -u
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
runs=0 steps=0 wrong=0

# One line per entry: outputs, then the state.
entries() {
    "$HACASIM" eval consensus-script "$1" | sed 's/{"step": /\n/g' | sed 1d |
        sed -E 's/^[0-9]+, "outputs": \[([^]]*)\], "round": ([0-9]+), "locked": \{"round": ([-0-9]+), "value": ([^}]*)\}, "valid": \{"round": ([-0-9]+), "value": ([^}]*)\}, "height": ([0-9]+), "phase": ("[a-z_]+").*/\1 | round \2 locked \3 \4 valid \5 \6 height \7 phase \8 /; s/", "/; /g; s/"//g'
}

for file in tests/consensus/*.yaml; do
    dialects=$(sed -n 's/^# dialects: //p' "$file")
    for rule in ${dialects:-$(sed -n 's/^lock_rule: //p' "$file")}; do
        runs=$((runs + 1))
        sed "s/^lock_rule: .*/lock_rule: $rule/" "$file" >"$work/script.yaml"
        entries "$work/script.yaml" >"$work/got"
        sed -n 's/.*#=> *//p' "$file" >"$work/want"
        if [ "$(wc -l <"$work/got")" != "$(wc -l <"$work/want")" ]; then
            wrong=$((wrong + 1))
            echo "$file ($rule): $(wc -l <"$work/got") entries, expected $(wc -l <"$work/want")"
            continue
        fi
        step=0
        while IFS= read -r want <&3 && IFS= read -r got <&4; do
            outputs=${want%%|*} state=
            case $want in *'|'*) state=${want#*|} ;; esac
            outputs=${outputs%"${outputs##*[! ]}"} state=${state%"${state##*[! ]}"}
            if [ "$outputs" != "${got%% |*}" ] || [[ " ${got#*|} " != *" ${state# } "* ]]; then
                wrong=$((wrong + 1))
                echo "$file ($rule), step $step: expected '$want', got '$got'"
            fi
            step=$((step + 1)) steps=$((steps + 1))
        done 3<"$work/want" 4<"$work/got"
    done
done
echo "measured: $runs consensus scripts with $steps steps, $wrong not as expected"
[ "$wrong" = 0 ] && [ "$runs" -ge 40 ] && [ "$steps" -ge 400 ]
