#!/bin/bash
# The house rules, enforced: arrows between folders, doors, owners of libraries, no libm where
# results are made, no heap outside the arena, unique file stems, line length.  Each rule is then
# shown to fire on a planted breach.
set -u

check() ( # check TREE: prints findings, fails when there are any
    cd "$1" || exit 1
    find sim net models gpu analysis -name '*.[ch]' -o -name '*.cu' -o -name '*.cuh' | LC_ALL=C sort >/tmp/house.$$
    xargs awk '
    function say(what) { printf "%s:%d: error: %s\n", FILENAME, FNR, what; bad = 1 }
    BEGIN {
        right["sim"] = ""; right["net"] = "sim"; right["gpu"] = "sim"
        right["models"] = "sim net"; right["analysis"] = "sim net models gpu"
        leaf["sim/status.h"] = leaf["sim/rng.h"] = leaf["sim/dmath.h"] = leaf["sim/variate.h"] = 1
        owner["libfyaml.h"] = "^sim/(param|json)"; owner["sqlite3.h"] = "^analysis/db\\.c"
        owner["Random123/"] = "^sim/rng\\.h"; owner["gsl/"] = "^analysis/"
        owner["cblas.h"] = owner["lapacke.h"] = "^(gpu|analysis)/"; owner["omp.h"] = "^(analysis/pool|gpu/)"
        owner["mpi.h"] = "^analysis/pool"; owner["openssl/"] = "^analysis/calibrate"
        owner["cuda"] = "^gpu/.*\\.cuh?$"; owner["argp.h"] = "^analysis/"
    }
    { split(FILENAME, part, "/"); folder = part[1] }
    /clang-format off/ { free = 1 } # a table laid out by hand
    /clang-format on/ { free = 0 }
    FNR == 1 { free = 0 }
    length($0) > 100 && !free { say("line longer than 100 columns") }
    /[ \t]$/ { say("white space at the end of the line") }
    /^#include "/ {
        split($0, quote, "\""); name = quote[2]; split(name, at, "/"); other = at[1]
        if (name !~ /\//) say("include \"" name "\" does not name its folder")
        else if (other != folder) {
            if (index(" " right[folder] " ", " " other " ") == 0) say("arrow from " folder "/ to " other "/")
            else if (name != other "/" other ".h" && !(name in leaf)) say("\"" name "\" enters " other "/ past its door")
        }
    }
    /^#include </ {
        match($0, /<.*>/); name = substr($0, RSTART + 1, RLENGTH - 2)
        for (lib in owner) if (index(name, lib) == 1 && FILENAME !~ owner[lib]) say("<" name "> belongs to " owner[lib])
    }
    folder ~ /^(sim|net|models)$/ && FILENAME != "sim/arena.c" && FILENAME !~ /^sim\/(param|json)/ &&
        /(^|[^_a-z.>])(malloc|calloc|realloc|free|strdup|asprintf)\(/ { say("heap use outside the arena") }
    folder ~ /^(sim|net|models)$/ && /[^_a-z](exp|log|log1p|expm1|pow|sin|cos|tan|exp2|log2|cbrt|tanh)\(/ && !/^ \*|\/\*/ {
        say("libm where results are made: use sim/dmath.h") }
    /TODO|FIXME|XXX/ { say("unfinished mark") }
    END { exit bad }' </tmp/house.$$
    code=$?
    stems=$(grep '\.[c]u*$' /tmp/house.$$ | sed 's|.*/||; s|\.[^.]*$||' | LC_ALL=C sort | uniq -d)
    [ -z "$stems" ] || { echo "error: file stems used twice: $stems"; code=1; }
    rm -f /tmp/house.$$
    exit $code
)

check . || exit 1

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
planted() { # planted FILE LINE: the rule must fire on LINE appended to FILE
    rm -rf "$work/tree"
    mkdir "$work/tree"
    cp -r sim net models gpu analysis "$work/tree/"
    printf '%s\n' "$2" >>"$work/tree/$1"
    if check "$work/tree" >"$work/out"; then
        echo "planted breach not found: $1: $2"
        exit 1
    fi
}
planted sim/event.c '#include "net/net.h"'
planted net/net.c '#include "models/models.h"'
planted models/world.c '#include "gpu/gpu.h"'
planted models/world.c '#include "analysis/store.h"'
planted gpu/gpu.c '#include "models/models.h"'
planted analysis/main.c '#include "models/world.h"'
planted net/net.c '#include "sim/event.h"'
planted models/world.c '#include <sqlite3.h>'
planted analysis/main.c '#include <libfyaml.h>'
planted models/world.c 'double f(double x) { return log(x); }'
planted net/net.c 'void *f(void) { return malloc(4); }'
echo "house rules hold, and each fires on a planted breach"
