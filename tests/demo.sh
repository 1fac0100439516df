#!/bin/bash
# What `make demo` shows: the network as promised, its twin as coded, both side by side, and a
# report with pictures.
set -eu
hacasim=$1
"$hacasim" run scenarios/baseline.yaml
"$hacasim" run scenarios/og_as_coded.yaml
echo
"$hacasim" show baseline og_as_coded
"$hacasim" report baseline --against og_as_coded
