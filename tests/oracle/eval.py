#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Values for tests/unit/test_eval.c, each by another road than analysis/eval_*.c takes.

Exact fractions, sums instead of recursions, quadrature instead of closed forms, bisection on the
payoffs instead of the solved inequality.  Only the standard library.  Prints name and value.
"""
from decimal import Decimal, ROUND_FLOOR, ROUND_DOWN, ROUND_HALF_EVEN, getcontext
from fractions import Fraction as F
from math import comb, erfc, exp, factorial, log, pi, sqrt

getcontext().prec = 120


def show(name, value):
    print(f"{name:58} {value if isinstance(value, (int, str, Decimal)) else repr(float(value))}")


def erlang_c(c, a):
    """Erlang C from its definition, as a sum of a^k / k!."""
    top = a**c / factorial(c) * F(c) / (c - a)
    return top / (sum(a**k / factorial(k) for k in range(c)) + top)


def erlang_c_large(c, a):
    """1/B = sum over j of c! / ((c-j)! a^j), in 120 digits."""
    term, total, a = Decimal(1), Decimal(1), Decimal(a)
    for j in range(c):
        term *= (c - j) / a
        total += term
        if term < total * Decimal("1e-60"):
            break
    b = 1 / total
    rho = a / c
    return b / (1 - rho * (1 - b))


def exponential_order(n, k):
    """Moments by inclusion and exclusion over minima of subsets."""
    def moment(power):
        return sum((-1) ** (j - (n - k + 1)) * comb(j - 1, n - k) * comb(n, j)
                   * (F(1, j) if power == 1 else F(2, j * j)) for j in range(n - k + 1, n + 1))
    m = moment(1)
    return m, moment(2) - m * m


def uniform_order(n, k):
    """Moments by integrating the density as a polynomial."""
    scale = F(factorial(n), factorial(k - 1) * factorial(n - k))

    def moment(power):
        return scale * sum(comb(n - k, i) * (-1) ** i * F(1, k + i + power)
                           for i in range(n - k + 1))
    m = moment(1)
    return m, moment(2) - m * m


def audit(g, r, s, collusion, d, f, n):
    """Bisection for the audit rate at which cheating stops paying."""
    def honest_better(p):
        honest = r - p * f * (r + s)
        cheat = r + g - p * d * (1 - collusion**n) * (r + s)
        return honest >= cheat
    low, high = 0.0, 1.0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (low, middle) if honest_better(middle) else (middle, high)
    return high


def ruin(u, theta, mu):
    """Geometric number of exponential ladder heights exceeding the reserve."""
    p, total, tail, term = 1 / (1 + theta), 0.0, 0.0, exp(-u / mu)
    for n in range(1, 400):
        tail += term  # P(Gamma(n) > u)
        term *= u / mu / n
        total += (1 - p) * p**n * tail
    return total


def first_passage(mu, sigma, years, f):
    """Simpson quadrature of the inverse Gaussian density, and of the normal one."""
    nu, b = mu - sigma**2 / 2, log(f)

    def density(t):
        if t <= 0:
            return 0.0
        return -b / (sigma * sqrt(2 * pi * t**3)) * exp(-(b - nu * t) ** 2 / (2 * sigma**2 * t))

    def simpson(fn, lo, hi, n=200000):
        h = (hi - lo) / n
        s = fn(lo) + fn(hi)
        s += 4 * sum(fn(lo + (2 * i - 1) * h) for i in range(1, n // 2 + 1))
        s += 2 * sum(fn(lo + 2 * i * h) for i in range(1, n // 2))
        return s * h / 3

    end = 0.5 * erfc(-(b - nu * years) / (sigma * sqrt(years)) / sqrt(2))
    return simpson(density, 0, years), end


ONE = 10**18


def legacy_round(x):
    """cosmos-sdk chopPrecisionAndRound on an integer with 36 decimals."""
    return int((Decimal(x) / ONE).to_integral_value(ROUND_HALF_EVEN))


def legacy_quo(a, b):
    return legacy_round(int((Decimal(a) * ONE * ONE / Decimal(b)).to_integral_value(ROUND_DOWN)))


def mint(inflation, bonded, goal="0.67", low="0.07", high="0.20", change="0.13", blocks=6311520):
    i, bo, g, lo, hi, ch = (int(Decimal(x) * ONE) for x in
                            (inflation, bonded, goal, low, high, change))
    step = legacy_quo(legacy_round((ONE - legacy_quo(bo, g)) * ch), blocks * ONE)
    result = Decimal(min(max(i + step, lo), hi)) / ONE
    return f"{result:.18f}"


Q = 2**128
NUM = [-648770010757830093818553637600, 67469480939593786226847644286976,
       -3197587544499098424029388939001856, 89244641121992890118377641805348864,
       -1579656163641440567800982336819953664, 17685496037279256458459817590917169152,
       -115682590513835356866803355398940131328, Q]
DEN = [1225524182432722209606361, 114095592300906098243859450, 5665570424063336070530214243,
       194450132448609991765137938448, 5068267641632683791026134915072,
       104716890604972796896895427629056, 1748338658439454459487681798864896,
       23704654329841312470660182937960448, 259380097567996910282699886670381056,
       2250336698853390384720606936038375424, 14978272436876548034486263159246028800,
       72144088983913131323343765784380833792, 224599776407103106596571252037123047424, Q]


def filecoin(epoch, millions=330):
    """specs-actors computeReward; with 300 M it reproduces TestSimpleReward.golden."""
    lam = Decimal(2).ln() / (6 * Decimal(60 * 60 * 24 * 365) / 30)
    q_lam = int((Q * lam).to_integral_value(ROUND_FLOOR))
    q_minted = int((Q * (lam.exp() - 1)).to_integral_value(ROUND_FLOOR))

    def horner(coefficients, x):
        r = coefficients[0]
        for c in coefficients[1:]:
            r = ((r * x) >> 128) + c
        return r
    x = epoch * q_lam
    e = (horner(NUM, x) << 128) // horner(DEN, x)
    return (millions * 10**24 * q_minted * e) >> 256


def loop_gain(a, b, m, eta, eps):
    """Logarithmic slope of one turn of the loop at the operating point."""
    def turn(q):
        p = q**eps
        return (a * q + b * q * p + m * p) ** eta
    h = 1e-6
    return (log(turn(exp(h))) - log(turn(exp(-h)))) / (2 * h)


# Cards as published (peak bf16 FLOP/s, peak fp8, B/s, link B/s) and the efficiencies of
# models/perf_catalog.c: weights, compute, KV, attention; ns of the smallest attention kernel, per
# sequence, of the smallest all-reduce; of the engine per layer, sequence and step.
CARDS = {
    "a100-80g": (F(312) * 10**12, F(312) * 10**12, F(2039) * 10**9, F(300) * 10**9,
                 F("0.71"), F("0.86"), F("0.81"), F("0.56"), 12700, 300, 5500),
    "h200-sxm": (F(989) * 10**12, F(1979) * 10**12, F(4800) * 10**9, F(450) * 10**9,
                 F("0.76"), F("0.74"), F("0.90"), F("0.59"), 11400, 300, 5000),
}
LAYER, SEQUENCE, STEP = 32100, 4400, 126000
NS = 10**9


def kernel(card, op, fp8=False, **x):
    """Longer of memory and compute time at the efficiencies, plus the smallest kernel."""
    flops, flops8, bandwidth, _, weights, compute, kv, pairs, floor, each, _ = CARDS[card]
    if op == "gemm":
        m, n, k = x["m"], x["n"], x["k"]
        memory = (n * k * (1 if fp8 else 2) + 2 * m * k + 2 * m * n) / (bandwidth * weights)
        return max(memory, F(2 * m * n * k) / ((flops8 if fp8 else flops) * compute)) * NS
    tokens = x["batch"] * (x["seq"] if op == "attn_prefill" else x["kv"])
    # a causal prompt has seq (seq + 1) / 2 pairs, a decoding sequence kv
    each_pairs = F(x["seq"] * (x["seq"] + 1), 2) if op == "attn_prefill" else F(x["kv"])
    # scores and values: 2 x 2 x 128 FLOPs a pair and head; K and V of 128 x 2 bytes
    work = 4 * 128 * x["heads"] * x["batch"] * each_pairs / (flops * pairs)
    memory = F(2 * 128 * 2 * x["kv_heads"] * tokens) / (bandwidth * kv)
    return floor + (each * x["batch"] if op == "attn_decode" else 0) + max(memory, work) * NS


def half_up(x):
    return int(x + F(1, 2))


def dense_step(card, layers, hidden, heads, kv_heads, ffn, vocab, tp, contexts, prompt=0):
    """A grouped-query model with untied embeddings, matrix by matrix; bf16."""
    flops, _, bandwidth, link, weights, compute, kv, pairs, floor, each, reduce = CARDS[card]
    matrices = [hidden * heads * 128, hidden * kv_heads * 128, hidden * kv_heads * 128,
                heads * 128 * hidden, hidden * ffn, hidden * ffn, ffn * hidden]
    tokens, sequences = len(contexts) + prompt, len(contexts) + (prompt > 0)

    def product(parameters, rows):
        return max(F(2 * parameters, tp) / (bandwidth * weights),
                   F(2 * parameters * rows, tp) / (flops * compute)) * NS
    total = product(layers * sum(matrices), tokens) + product(hidden * vocab, sequences)
    row = F(2 * 2 * layers * kv_heads * 128, min(tp, kv_heads)) / (bandwidth * kv) * NS
    total += layers * (floor + each * len(contexts)) + sum(contexts) * row
    pair = F(4 * 128 * heads * layers, tp) / (flops * pairs) * NS
    total += max(F(prompt * (prompt + 1), 2) * pair, prompt * row)
    total += tokens * F(2 * layers * (8 * hidden + F(3 * ffn, tp))) / (bandwidth * weights) * NS
    if tp > 1:
        sent = F(2 * hidden * 2 * (tp - 1), tp) / (link * F("0.65")) * NS
        total += 2 * layers * (reduce + tokens * sent)
    return total + layers * LAYER + sequences * SEQUENCE + STEP


def supply_path(s, k, w, beta, v, y, months):
    """The differential equation by Runge and Kutta, 20,000 steps."""
    def slope(supply):
        return w - beta * v * (supply - k)
    h = months / 20000
    for _ in range(20000):
        a = slope(s)
        b = slope(s + h * a / 2)
        c = slope(s + h * b / 2)
        s += h * (a + 2 * b + 2 * c + slope(s + h * c)) / 6
    return s, y / (v * (s - k))


def proposers(powers, priorities, rounds):
    """CometBFT in Python's whole numbers, where // rounds down and nothing overflows."""
    who, after, total = [], [], sum(powers)
    for _ in range(rounds):
        spread = max(priorities) - min(priorities)
        if spread > 2 * total:
            ratio = -(-spread // (2 * total))
            priorities = [abs(p) // ratio * (1 if p > 0 else -1) for p in priorities]
        average = sum(priorities) // len(priorities)
        priorities = [p - average + q for p, q in zip(priorities, powers)]
        best = priorities.index(max(priorities))
        priorities[best] -= total
        who.append(best)
        after.append(list(priorities))
    return who, after


def main():
    for card in CARDS:
        for fp8 in (False, True):
            for m, n, k in ((1, 8192, 8192), (100, 6144, 4096), (4096, 28672, 4096)):
                show(f"kernel-time {card} gemm {m} {n} {k}{' fp8' if fp8 else ''}",
                     half_up(kernel(card, "gemm", fp8, m=m, n=n, k=k)))
        show(f"kernel-time {card} attn_prefill 2 x 3000, 32/8",
             half_up(kernel(card, "attn_prefill", batch=2, seq=3000, heads=32, kv_heads=8)))
        show(f"kernel-time {card} attn_decode 64 x 4096, 32/8",
             half_up(kernel(card, "attn_decode", batch=64, kv=4096, heads=32, kv_heads=8)))
        show(f"kernel-time {card} attn_decode 3 x 500, 64/1",
             half_up(kernel(card, "attn_decode", batch=3, kv=500, heads=64, kv_heads=1)))
        show(f"step-time {card} llama3-8b decode 100, 2000, 3000",
             half_up(dense_step(card, 32, 4096, 32, 8, 14336, 128256, 1, [100, 2000, 3000])))
        show(f"step-time {card} llama3-70b tp 4 prefill 1500 decode 700",
             half_up(dense_step(card, 80, 8192, 64, 8, 28672, 128256, 4, [700], 1500)))
    for args in ((1e9, 4e8, 1e6, 0.3, 0.5, 2e7, 24), (1e9, 4e8, 0, 0.01, 0.02, 1e5, 120),
                 (1e9, 4e8, 1e6, 0, 0.5, 2e7, 24)):
        show(f"supply-path {args} supply", supply_path(*args)[0])
        show(f"supply-path {args} price", supply_path(*args)[1])
    for args in (([10, 1, 1], [0, 0, 0], 11), ([1, 3, 8], [2, -2, -13], 4),
                 ([7, 5, 3, 1], [100, -50, 20, -90], 6)):
        show(f"proposers {args}", str(proposers(*args)).replace(" ", ""))
    show("queue-mmc 4 3 1", erlang_c(4, F(3)))
    show("queue-mmc 100 90 1", erlang_c(100, F(90)))
    show("queue-mmc 100 90 1 mean_wait_s", erlang_c(100, F(90)) / 10)
    show("queue-mmc 3 0.7/0.25", erlang_c(3, F(14, 5)))
    show("queue-mmc 100000 99900 1", erlang_c_large(100000, 99900))
    for n, k in ((7, 5), (20, 14)):
        show(f"order-statistic exponential {n} {k}", exponential_order(n, k)[0])
        show(f"order-statistic exponential {n} {k} variance", exponential_order(n, k)[1])
        show(f"order-statistic uniform {n} {k}", uniform_order(n, k)[0])
        show(f"order-statistic uniform {n} {k} variance", uniform_order(n, k)[1])
    show("batch-wait 20 at 0.4/s", F(sum(range(20)), 20) / F(2, 5))
    show("detection 0.01 459", 1 - F(99, 100) ** 459)
    show("detection 0.001 4602", 1 - F(999, 1000) ** 4602)
    show("detection 1e-15 1000", 1 - (1 - F(1, 10**15)) ** 1000)
    show("audit-rate 1 2 98 r=0.1", audit(1, 2, 98, 0.1, 1, 0, 1))
    show("audit-rate 0.3 1.5 20 0.5 0.8 0.01 2", audit(0.3, 1.5, 20, 0.5, 0.8, 0.01, 2))
    show("ruin 10 0.25 1", ruin(10, 0.25, 1))
    show("ruin 250 0.1 40", ruin(250, 0.1, 40))
    for args in ((0.1, 0.8, 1, 0.5), (-0.3, 0.6, 2, 0.2), (0.5, 0.4, 3, 0.7)):
        touch, end = first_passage(*args)
        show(f"first-passage {args} touch", touch)
        show(f"first-passage {args} end", end)
    for i, b in (("0.07", "0"), ("0.20", "1"), ("0.10", "0.5"), ("0.1234", "0.123456789"),
                 ("0.15", "0.67"), ("0.0700000001", "1"), ("0.1999999999", "0")):
        show(f"mint-inflation {i} {b}", mint(i, b))
    show("mint-inflation 0.12 0.3 goal 0.6 change 0.5 blocks 1000",
         mint("0.12", "0.3", goal="0.6", change="0.5", blocks=1000))
    show("emission filecoin 300 M epoch 2555000 (golden)", filecoin(2555000, 300))
    for epoch in (0, 5000, 1051200, 2555000, 6307200, 44999999):
        show(f"emission filecoin {epoch}", filecoin(epoch))
    for n in (1, 99, 1460, 10000, 60000):
        value = 285 * Decimal(10) ** 12 * (Decimal("-0.000475") * n).exp()
        show(f"emission gonka {n}", int(value))
    for args in ((0, 0.5, 0.5, 1, 1.2), (0.6, 0.1, 0.3, 0.8, 1.5), (1, 0, 0, 0.9, 2)):
        show(f"loop-gain {args}", loop_gain(*args))
    for i, x, y in ((1, 5, 10), (1, 10, 5), (1, 1000, 1000)):
        show(f"amm-swap {i} {x} {y}", int(F(997 * i * y * ONE, 1000 * x + 997 * i)))
    base, used, limit = 10**30 + 7, 29999999, 30000000
    show("base-fee 1e30+7", base + max(1, base * (used - limit // 2) // (limit // 2) // 8))


main()
