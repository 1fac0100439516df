#!/bin/bash
# hacasim's kernel and other simulators on the same two models, in turns, one thread each.
# usage: tests/bench/peers/run.sh BUILD [PAGE]
# Prints the bench lines and leaves a table in BUILD/peers/table.md; with PAGE, the table also goes
# between the marks of that page.  From the environment: ROUNDS (2), CPU (0, for the others).  Installs nothing.
set -eu
build=$1
page=${2:-}
here=$(dirname "$0")
out=$build/peers
export SYSTEMC_DISABLE_COPYRIGHT_MESSAGE=1
mkdir -p "$out"
: >"$out/lines"

compile() { # compile NAME [FLAGS]
    local name=$1
    shift
    g++ -O3 -march=native -std=c++17 -Wall -Wextra -I. -o "$out/$name" "$here/$name.cpp" "$@"
}
compile heap
peers=heap
versions=''
while read -r name module package; do
    if ! pkg-config --exists "$module" 2>/dev/null; then
        echo "# $name is left out; to have it: apt-get install $package" >&2
        continue
    fi
    # shellcheck disable=SC2046
    compile "$name" $(pkg-config --cflags --libs "$module")
    peers="$peers $name"
    versions="$versions, $package $(dpkg-query -W -f '${Version}' "$package" 2>/dev/null || true)"
done <<'END'
systemc systemc libsystemc-dev
ns3 ns3-core libns3-dev
simgrid simgrid libsimgrid-dev
END

measure() {
    taskset -c "${CPU:-0}" "$@" >>"$out/lines"
}
for round in $(seq "${ROUNDS:-2}"); do
    echo "# round $round: hacasim $peers" >&2
    "$build/bench/bench_kernel" >>"$out/lines" # on all cores: it has replications too
    for peer in $peers; do
        customers=10000000
        [ "$peer" != simgrid ] || customers=2000000
        measure "$out/$peer" mm1 $customers
        for pending in 1000 10000 100000 1000000; do
            measure "$out/$peer" hold $pending
        done
    done
done

{
    echo "Measured on $(LC_ALL=C date -u '+%-d %B %Y'): $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo |
        head -n 1), $(nproc) cores, load average $(cut -d' ' -f1 /proc/loadavg) at the end,"
    echo "$(gcc --version | head -n 1)$versions."
    echo
} >"$out/table.md"
awk -v table="$out/table.md" -f "$here/table.awk" "$out/lines"
[ -z "$page" ] || sed -i -e '/^<!-- measured -->$/,/^<!-- end -->$/{//!d}' \
    -e "/^<!-- measured -->\$/r $out/table.md" "$page"
