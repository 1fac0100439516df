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
