/* SPDX-License-Identifier: Apache-2.0
 * Tests of the ziggurat as a construction: its tables, what it does with each bit of a draw, and
 * the bits that come out.  That its variates follow their laws is tests/unit/test_variate.c.
 *
 * The tables are recomputed here in long double.  `test_ziggurat --rows` prints them as the source
 * that sim/ziggurat_rows.h is:
 *
 *     build/release/tests/test_ziggurat --rows > sim/ziggurat_rows.h */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sim/ziggurat.h"

enum { LAYERS = ZIGGURAT_LAYERS };
#define EXPONENTIAL_BITS 0x5663faefd33b1a7eULL
#define NORMAL_BITS 0x0eaf15d15d87a58aULL

/* ---- the tables, from their definition ------------------------------------------------------ */

struct law {
    const char *name;
    const struct ziggurat *table;
    long double (*density)(long double), (*inverse)(long double), (*beyond)(long double);
    double published_edge; /* Marsaglia and Tsang 2000, for 256 layers */
};

static long double exponential_density(long double x)
{
    return expl(-x);
}

static long double exponential_inverse(long double y)
{
    return -logl(y);
}

static long double normal_density(long double x)
{
    return expl(-0.5L * x * x);
}

static long double normal_inverse(long double y)
{
    return sqrtl(-2.0L * logl(y));
}

static long double normal_beyond(long double x) /* the integral of the density */
{
    return sqrtl(acosl(-1.0L) / 2.0L) * erfcl(x / sqrtl(2.0L));
}

static const struct law laws[] = {
    {"EXPONENTIAL", &ziggurat_exponentials, exponential_density, exponential_inverse,
     exponential_density, 7.69711747013104972},
    {"NORMAL", &ziggurat_normals, normal_density, normal_inverse, normal_beyond,
     3.6541528853610088},
};

/* x_0 .. x_256 for a tail that begins at `edge`; by how much the last layer ends above f(0). */
static long double stack(const struct law *law, long double edge, long double x[LAYERS + 1])
{
    long double area = edge * law->density(edge) + law->beyond(edge);
    x[0] = area / law->density(edge);
    x[1] = edge;
    for (int k = 1; k < LAYERS; k++) {
        long double top = law->density(x[k]) + area / x[k];
        if (k == LAYERS - 1 || top >= 1.0L) {
            x[LAYERS] = 0.0L;
            return top - 1.0L + (k < LAYERS - 1);
        }
        x[k + 1] = law->inverse(top);
    }
    return 0.0L;
}

/* The edge at which the layers end at f(0) = 1, by bisection; a smaller one makes larger areas. */
static void solve(const struct law *law, long double x[LAYERS + 1])
{
    long double low = 2.0L, high = 10.0L;
    for (int i = 0; i < 100; i++) {
        long double middle = 0.5L * (low + high);
        if (stack(law, middle, x) > 0.0L)
            low = middle;
        else
            high = middle;
    }
    stack(law, high, x);
}

struct row {
    long double inside, scale, density;
};

static struct row row_of(const struct law *law, const long double *x, int k)
{
    return (struct row){floorl(x[k + 1] / x[k] * 0x1p52L), x[k] * 0x1p-52L,
                        k == 0 ? 0.0L : law->density(x[k])};
}

static void print_rows(const struct law *law)
{
    long double x[LAYERS + 1];
    solve(law, x);
    printf("\n#define ZIGGURAT_%s_ROWS(ROW) \\\n", law->name);
    for (int k = 0; k < LAYERS; k++) {
        struct row r = row_of(law, x, k);
        printf("    ROW(0x%013llx, %a, %a)%s\n", (unsigned long long)r.inside, (double)r.scale,
               (double)r.density, k < LAYERS - 1 ? " \\" : "");
    }
}

static void print_source(void)
{
    printf("/* SPDX-License-Identifier: Apache-2.0\n"
           " * The rows of the ziggurat's tables: places inside, width / 2^52, density.  Written "
           "and checked by\n"
           " * tests/unit/test_ziggurat.c. */\n"
           "#ifndef HACASIM_SIM_ZIGGURAT_ROWS_H\n"
           "#define HACASIM_SIM_ZIGGURAT_ROWS_H\n"
           "\n/* clang-format off */\n");
    for (int i = 0; i < 2; i++)
        print_rows(&laws[i]);
    printf("\n/* clang-format on */\n\n#endif\n");
}

static void need_long_double(void)
{
    volatile long double one = 1.0L, small = LDBL_EPSILON;
    if (LDBL_MANT_DIG >= 64 && one + small != one) return;
    print_message("skipped: long double has no more bits than double here (valgrind?)\n");
    skip();
}

/* The tolerance is one unit of the last place that the table keeps: long double has eleven bits
 * more, of which the recursion through 256 layers spends a few. */
static void tables_follow_their_definition(void **state)
{
    (void)state;
    need_long_double();
    for (int i = 0; i < 2; i++) {
        const struct ziggurat *z = laws[i].table;
        long double x[LAYERS + 1];
        solve(&laws[i], x);
        assert_true(fabsl(x[1] - (long double)laws[i].published_edge) < 1e-15L);
        for (int k = 0; k < LAYERS; k++) {
            struct row r = row_of(&laws[i], x, k);
            assert_true(fabsl(r.inside - (long double)z->layer[k].inside) <= 1.0L);
            assert_true(fabsl(r.scale - (long double)z->layer[k].scale) <= 0x1p-53L * r.scale);
            assert_true(fabsl(r.density - (long double)z->density[k]) <= 0x1p-53L * r.density);
        }
        assert_true(z->density[LAYERS] == 1.0);
    }
}

/* What makes the method exact, from the tables as they are: each layer has the area of the base
 * (to 2^-50, some rounding errors), and every place called inside lies under the density. */
static void layers_are_equal_and_inside_is_inside(void **state)
{
    (void)state;
    need_long_double();
    for (int i = 0; i < 2; i++) {
        const struct ziggurat *z = laws[i].table;
        long double edge = (long double)z->layer[1].scale * 0x1p52L;
        long double area = edge * laws[i].density(edge) + laws[i].beyond(edge);
        for (int k = 1; k < LAYERS; k++) {
            long double width = (long double)z->layer[k].scale * 0x1p52L;
            long double height = (long double)z->density[k + 1] - (long double)z->density[k];
            /* heights are differences of rounded densities, up to 1 / v = 250 times as inexact */
            assert_true(fabsl(width * height / area - 1.0L) < 256.0L * 0x1p-52L);
            long double last = ((long double)z->layer[k].inside - 0.5L) * z->layer[k].scale;
            if (last > 0.0L)
                assert_true(laws[i].density(last) >=
                            (long double)z->density[k + 1] * (1 - 0x1p-52L));
        }
        assert_true(((long double)z->layer[0].inside - 0.5L) * z->layer[0].scale < edge);
    }
}

/* ---- what becomes of a draw ----------------------------------------------------------------- */

/* A stream whose next draws are these. */
static struct rng_stream planted(uint64_t first, uint64_t second, uint64_t third)
{
    return (struct rng_stream){.next = 0, .word = {first, second, third}};
}

static uint64_t draw_of(unsigned layer, uint64_t place)
{
    return place << 12 | layer;
}

/* Bits 0 to 7 choose the layer, 12 to 63 the place, 8 the sign, 9 to 11 nothing. */
static void each_bit_has_one_use(void **state)
{
    (void)state;
    struct rng_stream keys = rng_open(3, 0, 0, 0);
    for (unsigned layer = 0; layer < LAYERS - 1; layer++) {
        const struct ziggurat_layer *e = &ziggurat_exponentials.layer[layer];
        const struct ziggurat_layer *n = &ziggurat_normals.layer[layer];
        uint64_t place = rng_below(&keys, e->inside < n->inside ? e->inside : n->inside);
        for (uint64_t rest = 0; rest < 16; rest++) {
            struct rng_stream s = planted(draw_of(layer, place) | rest << 8, 0, 0), t = s;
            assert_true(ziggurat_exponential(&s) == ((double)place + 0.5) * e->scale);
            double x = ziggurat_normal(&t), sign = rest & 1 ? -1.0 : 1.0;
            assert_true(x == sign * ((double)place + 0.5) * n->scale);
            assert_true(s.next == 1 && t.next == 1);
        }
    }
}

/* The last place inside a layer is accepted at once; the next one asks for a height, and the lowest
 * height is accepted, the highest not: then all begins anew. */
static void a_place_outside_asks_for_a_height(void **state)
{
    (void)state;
    const struct ziggurat *z = &ziggurat_exponentials;
    const uint64_t lowest = 0, highest = UINT64_MAX, other = draw_of(7, 12345);
    for (unsigned layer = 1; layer < LAYERS; layer++) {
        uint64_t inside = z->layer[layer].inside, last = ((uint64_t)1 << 52) - 1;
        uint64_t outside = inside + (last - inside) / 2;
        struct rng_stream s = planted(draw_of(layer, outside), lowest, other);
        struct rng_stream t = planted(draw_of(layer, last), highest, other);
        assert_true(ziggurat_exponential(&s) == ((double)outside + 0.5) * z->layer[layer].scale);
        assert_true(s.next == 2);
        assert_true(ziggurat_exponential(&t) == 12345.5 * z->layer[7].scale && t.next == 3);
        if (inside == 0) continue; /* the top layer has no inside */
        s = planted(draw_of(layer, inside - 1), highest, other);
        ziggurat_exponential(&s);
        assert_true(s.next == 1);
    }
}

/* Outside of layer 0 is the tail: the edge and an exponential again, as often as it comes. */
static void the_tail_begins_anew_at_the_edge(void **state)
{
    (void)state;
    const double edge = ziggurat_edge(&ziggurat_exponentials);
    const uint64_t out = draw_of(0, ((uint64_t)1 << 52) - 1), in = draw_of(7, 12345);
    struct rng_stream s = planted(out, out, in);
    assert_true(ziggurat_exponential(&s) ==
                edge + edge + 12345.5 * ziggurat_exponentials.layer[7].scale);
    const double normal_edge = ziggurat_edge(&ziggurat_normals);
    const double step = 12345.5 * ziggurat_exponentials.layer[7].scale;
    s = planted(out | 256, in, in);
    assert_true(ziggurat_normal(&s) == -(normal_edge + step / normal_edge));
}

static uint64_t fold(uint64_t hash, double x)
{
    hash = (hash ^ dmath_bits(x)) * 0x9e3779b97f4a7c15ULL;
    return hash ^ hash >> 29;
}

/* The same bits on every processor and compiler. */
static void bits_are_golden(void **state)
{
    (void)state;
    struct rng_stream s = rng_open(2385, 0, 0, 0);
    uint64_t exponentials = 0, normals = 0;
    for (int i = 0; i < 200000; i++) {
        exponentials = fold(exponentials, ziggurat_exponential(&s));
        normals = fold(normals, ziggurat_normal(&s));
    }
    print_message("golden bits: 0x%016llx 0x%016llx\n", (unsigned long long)exponentials,
                  (unsigned long long)normals);
    assert_true(exponentials == EXPONENTIAL_BITS && normals == NORMAL_BITS);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--rows") == 0) {
        print_source();
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_follow_their_definition),
        cmocka_unit_test(layers_are_equal_and_inside_is_inside),
        cmocka_unit_test(each_bit_has_one_use),
        cmocka_unit_test(a_place_outside_asks_for_a_height),
        cmocka_unit_test(the_tail_begins_anew_at_the_edge),
        cmocka_unit_test(bits_are_golden),
    };
    return cmocka_run_group_tests_name("ziggurat", tests, NULL, NULL);
}
