# From the lines of all rounds: the best rate of each program in each model, ratios, and what cimba
# would do here.
#
# cimba is not packaged.  Its published rates (million events per CPU second on one PC, Debian 12,
# cimba 3.0.0 RC1, event style, profile-guided) are carried over to this PC through a program whose
# rates on that PC are published too: SystemC, and for hold also the binary heap of a textbook.
function published(who, values,    i, part) {
    split(values, part, " ")
    for (i = 1; i <= MODELS; i++) there[who, model[i]] = part[i] * 1e6
}
function line(name, format, value, unit) {
    if (value > 0) printf "bench %s " format " %s\n", name, value, unit
}
function cell(format, value) {
    cells = cells " | " (value > 0 ? sprintf(format, value) : "—")
}
function row(text) {
    print "| " text cells " |" >>table
    cells = ""
}
function rates(text, who,    i, rate) {
    for (i = 1; i <= MODELS; i++) {
        rate = here[who, model[i]]
        cell(rate < 9.95e6 ? "%.2f" : "%.1f", rate / 1e6)
        line(who "." model[i] "_events_per_s", "%.0f", rate, "1/s")
    }
    row(text)
}
function ratios(text, who, name,    i, ratio) {
    for (i = 1; i <= MODELS; i++) {
        ratio = over(here["kernel", model[i]], here[who, model[i]])
        cell("%.2f", ratio)
        line("ratio." model[i] "_over_" name, "%.2f", ratio, "x")
    }
    row("hacasim over " text)
}
function over(a, b) {
    return b > 0 ? a / b : 0
}
# What cimba would do here if it had the same advantage over `by` as there.
function estimate(by, who,    i, m) {
    for (i = 1; i <= MODELS; i++) {
        m = model[i]
        here[who, m] = over(there["cimba", m], there[by, m]) * here["peer." by, m]
    }
}
BEGIN {
    MODELS = split("mm1 hold_1k hold_10k hold_100k hold_1m", model, " ")
    published("cimba", "26.9 7.8 5.8 3.9 1.8")
    published("systemc", "13.0 4.9 2.8 1.0 0.5")
    published("heap", "0 " 1e3 / 97 " " 1e3 / 135 " " 1e3 / 194 " " 1e3 / 433) # ns per hold
    cimba_two_cores = 23.9e6
}
$1 == "bench" && $2 ~ /_events_per_s$/ {
    who = what = substr($2, 1, length($2) - length("_events_per_s"))
    sub(/\.[^.]*$/, "", who)
    sub(/.*\./, "", what)
    if ($3 > here[who, what]) here[who, what] = $3
}
$2 == "kernel.replications_2t_ratio" && $3 > speedup { speedup = $3 }
END {
    estimate("systemc", "estimated.cimba_by_systemc")
    estimate("heap", "estimated.cimba_by_heap")
    print "| million events per CPU second | M/M/1 | hold 1k | hold 10k | hold 100k | hold 1M |" >>table
    print "|---|---|---|---|---|---|" >>table
    rates("hacasim", "kernel")
    rates("SystemC", "peer.systemc")
    rates("ns-3", "peer.ns3")
    rates("SimGrid", "peer.simgrid")
    rates("yardstick: a textbook's binary heap", "peer.heap")
    rates("cimba, *estimated* by SystemC", "estimated.cimba_by_systemc")
    rates("cimba, *estimated* by the heap", "estimated.cimba_by_heap")
    ratios("SystemC", "peer.systemc", "systemc")
    ratios("ns-3", "peer.ns3", "ns3")
    ratios("SimGrid", "peer.simgrid", "simgrid")
    ratios("cimba, *estimated* by SystemC", "estimated.cimba_by_systemc", "cimba_estimated_by_systemc")
    ratios("cimba, *estimated* by the heap", "estimated.cimba_by_heap", "cimba_estimated_by_heap")
    print "| **goal over cimba** | **1.35** | **2.5** | **2.5** | **2.5** | **4** |" >>table

    mine = here["kernel", "mm1_replications"]
    if (mine == 0) exit
    cimba = over(cimba_two_cores, there["systemc", "mm1"]) * here["peer.systemc", "mm1"]
    line("estimated.cimba_by_systemc.mm1_replications_events_per_s", "%.0f", cimba, "1/s")
    line("ratio.mm1_replications_over_cimba_estimated_by_systemc", "%.2f", over(mine, cimba), "x")
    printf "\nReplications of M/M/1 on two threads, million events/s of wall time: hacasim %.1f (%.2f times one" \
        " thread)", mine / 1e6, speedup >>table
    if (cimba > 0)
        printf "; cimba, *estimated* by SystemC, %.1f.\nRatio %.2f, goal 2.5", cimba / 1e6, over(mine, cimba) >>table
    print "." >>table
}
